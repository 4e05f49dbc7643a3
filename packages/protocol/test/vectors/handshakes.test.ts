import { type CryptoProvider, encodeHex } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { handshakeVectors } from '../../scripts/make-vectors/handshakes.js';
import { KIND } from '../../src/channel/channel-frame.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';
import { ScriptedEnd } from './scripted-end.js';

const vectors = readVectors<ReturnType<typeof handshakeVectors>>('handshakes.json');
const base = vectors.valid.find(({ name }) => name === vectors.invalid.of);
if (base === undefined) throw new Error('the invalid handshakes belong to none');

function hkdf(provider: CryptoProvider, salt: string, ikm: string, info: string, length: number): string {
  return encodeHex(provider.hkdf(unhex(salt), unhex(ikm), new TextEncoder().encode(info), length));
}

describe.each(PROVIDERS)('$name', (provider) => {
  test.each(vectors.valid)('opens and accepts as written: $name', (vector) => {
    const initiator = new ScriptedEnd('initiator', provider, vector, []);
    initiator.open();
    expect(initiator.sentOf(KIND.open)).toEqual([vector.openFrame]);
    const responder = new ScriptedEnd('responder', provider, vector, []);
    responder.receive(unhex(vector.openFrame));
    expect(responder.sentOf(KIND.accept)).toEqual([vector.acceptFrame]);
    initiator.receive(unhex(vector.acceptFrame));
    expect(initiator.events).toEqual([{ type: 'open' }]);
    expect(initiator.channel?.protocol).toBe(vector.accept.protocol);
    for (const ping of initiator.sentOf(KIND.control)) responder.receive(unhex(ping));
    expect(responder.events).toEqual([{ type: 'open' }]);
    expect(responder.channel?.resource).toBe(vector.open.resource);
  });

  test.each(vectors.valid)(
    'derives every value as written: $name',
    ({ es, ss, ee, se, K, h1, h3, h4, k1, k2, keys, kemSeed, ct }) => {
      expect(hkdf(provider, h1, es + ss, 'open', 32)).toBe(k1);
      expect(hkdf(provider, h3, es + ss + ee + se + K, 'accept', 32)).toBe(k2);
      const { root, dataAB, dataBA, controlAB, controlBA } = keys;
      expect(hkdf(provider, h4, es + ss + ee + se + K, 'channel', 160)).toBe(
        root + dataAB + dataBA + controlAB + controlBA,
      );
      const pair = provider.kemKeyPair(unhex(kemSeed));
      expect(encodeHex(provider.kemDecapsulate(unhex(ct), pair.decapsulationKey) ?? new Uint8Array(0))).toBe(K);
    },
  );

  test.each(vectors.invalid.open)('refuses an OPEN with $name', ({ openFrame }) => {
    const responder = new ScriptedEnd('responder', provider, base, []);
    responder.receive(unhex(openFrame));
    expect([responder.table.size, responder.sent, responder.events]).toEqual([0, [], []]);
    const { malformed, notOpened } = responder.table.counters;
    expect(malformed + notOpened).toBe(1);
  });

  test.each(vectors.invalid.accept)('refuses an ACCEPT with $name', ({ acceptFrame, failure }) => {
    const initiator = new ScriptedEnd('initiator', provider, base, []);
    initiator.open();
    initiator.receive(unhex(acceptFrame));
    if (failure !== 'dropped') {
      expect(initiator.delivered).toEqual([{ failure }]);
      // The responder need not wait for a confirmation.
      expect(initiator.sentOf(KIND.reset)).toHaveLength(1);
    } else {
      expect(initiator.events).toEqual([]);
      initiator.receive(unhex(base.acceptFrame));
      expect(initiator.events).toEqual([{ type: 'open' }]);
    }
  });
});
