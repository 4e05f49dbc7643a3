import { type CryptoProvider, encodeHex, Identity } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { registrationVectors } from '../../scripts/make-vectors/registration.js';
import {
  ClientRegistration,
  encodeFrame,
  FAILURES,
  normaliseHost,
  registeredMessage,
  registerMessage,
  ServerRegistration,
} from '../../src/index.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';

const vectors = readVectors<ReturnType<typeof registrationVectors>>('registration.json');
type Transcript = (typeof vectors.valid)[number];

/** The texts that a machine sends. */
function sent(
  outputs: ReturnType<ClientRegistration['receive']> | ReturnType<ServerRegistration['receive']>,
): string[] {
  return outputs.flatMap((output) => (output.type === 'send' ? [encodeFrame(output.frame)] : []));
}

function client(provider: CryptoProvider, vector: Omit<Transcript, 'token'> & { token: string | null }) {
  const { host, encoding, lastTerm, token } = vector;
  return new ClientRegistration({
    identity: Identity.fromSeed(unhex(vector.clientSeed), provider),
    provider,
    host,
    encoding,
    lastTerm,
    clientNonce: unhex(vector.clientNonce),
    ...(token === null ? {} : { token }),
  });
}

function relay(provider: CryptoProvider, vector: { relaySeed: string; nonce: string }, hosts: readonly string[]) {
  const identity = Identity.fromSeed(unhex(vector.relaySeed), provider);
  return new ServerRegistration({ identity, provider, hosts, nonce: unhex(vector.nonce), nowMs: 0 });
}

describe.each(PROVIDERS)('$name agrees with the registrations', (provider) => {
  test.each(vectors.valid)('$name', (vector) => {
    const [asClient, asRelay] = [client(provider, vector), relay(provider, vector, [vector.host])];
    expect(sent(asRelay.start())).toEqual([vector.challenge]);
    expect(sent(asClient.receive(vector.challenge))).toEqual([vector.response]);
    const [proven] = asRelay.receive(vector.response);
    expect(proven).toMatchObject({ type: 'proven', proof: { token: vector.token, lastTerm: vector.lastTerm } });
    const { term, limits, keepalive } = JSON.parse(vector.success);
    expect(sent(asRelay.admitted({ term, limits, keepalive }))).toEqual([vector.success]);
    expect(asClient.receive(vector.success)).toMatchObject([
      { type: 'registered', term, keepaliveMs: keepalive * 1000 },
    ]);
    const { publicKey, signingKey } = Identity.fromSeed(unhex(vector.clientSeed), provider);
    const register = registerMessage({
      nonce: vector.nonce,
      serverKey: JSON.parse(vector.challenge).serverKey,
      publicKey,
      signingKey,
      clientNonce: vector.clientNonce,
      host: vector.host,
      token: vector.token ?? '',
    });
    expect(encodeHex(register)).toBe(vector.register);
    expect(encodeHex(registeredMessage(provider, register, unhex(vector.signedNonce)))).toBe(vector.registered);
  });

  test.each(vectors.relay.accepted)('a relay accepts: $name', ({ response }) => {
    expect(relay(provider, vectors.relay, vectors.relay.hosts).receive(response)).toMatchObject([{ type: 'proven' }]);
  });

  test.each(vectors.relay.refused)('a relay refuses: $name', ({ response, failure, closeCode }) => {
    const outputs = relay(provider, vectors.relay, vectors.relay.hosts).receive(response);
    expect(outputs).toMatchObject([
      { type: 'send', frame: { type: 'REGISTER_FAILURE', code: closeCode } },
      { type: 'close', failure: { code: failure } },
    ]);
    expect(FAILURES[failure].closeCode).toBe(closeCode);
  });
});

function asPinned(pinned: string | undefined) {
  const { clientSeed, clientNonce, host, lastTerm } = vectors.client;
  const [provider] = PROVIDERS;
  if (provider === undefined) throw new Error('no provider');
  return new ClientRegistration({
    identity: Identity.fromSeed(unhex(clientSeed), provider),
    provider,
    host,
    encoding: 'binary',
    lastTerm,
    clientNonce: unhex(clientNonce),
    ...(pinned === undefined ? {} : { serverKey: pinned }),
  });
}

test.each(vectors.client.accepted)('a client accepts: $name', ({ frames, pinned }) => {
  const machine = asPinned(pinned);
  expect(frames.flatMap((text) => machine.receive(text)).map(({ type }) => type)).toEqual(['send', 'registered']);
});

test.each(vectors.client.refused)('a client refuses: $name', ({ frames, answers, failure, pinned }) => {
  const machine = asPinned(pinned);
  const outputs = frames.flatMap((text) => machine.receive(text));
  expect(sent(outputs)).toHaveLength(answers);
  expect(outputs.at(-1)).toMatchObject({ type: 'failed', failure: { code: failure } });
});

test.each(vectors.hosts)('the host that is signed for "$dialled"', ({ dialled, host }) => {
  expect(normaliseHost(dialled)).toBe(host);
});
