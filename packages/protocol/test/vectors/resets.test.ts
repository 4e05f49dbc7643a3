import { encodeHex, Identity } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { resetVectors } from '../../scripts/make-vectors/resets.js';
import { parseChannelFrame } from '../../src/channel/channel-frame.js';
import { openReset, sealReset } from '../../src/channel/reset.js';
import { decodeMessage } from '../../src/index.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';

const vectors = readVectors<ReturnType<typeof resetVectors>>('resets.json');

describe.each(PROVIDERS)('$name', (provider) => {
  const sender = Identity.fromSeed(unhex(vectors.senderSeed), provider);
  const receiver = Identity.fromSeed(unhex(vectors.receiverSeed), provider);
  const sharedStatic = sender.dh(receiver.publicKeyBytes());
  const [ours, theirs] = [sender.publicKeyBytes(), receiver.publicKeyBytes()];
  const asSender = { sharedStatic, self: ours, peer: theirs };
  const asReceiver = { sharedStatic, self: theirs, peer: ours };
  const opened = (frame: string) => {
    const parsed = parseChannelFrame(unhex(frame));
    return parsed?.kind === 5 ? openReset(provider, asReceiver, parsed) : null;
  };

  test.each(vectors.valid)('RESET $code is sealed and opens as written', ({ code, nonce, frame }) => {
    const known = code === 1 || code === 2 || code === 3 ? code : 1;
    const id = unhex(vectors.channelId);
    const message = sealReset(provider, asSender, id, known, unhex(vectors.provoking), unhex(nonce));
    const decoded = decodeMessage(message);
    expect(decoded.ok && encodeHex(decoded.value.content)).toBe(frame);
    const reset = opened(frame);
    expect([reset?.code, reset === null ? '' : encodeHex(reset.echo)]).toEqual([code, vectors.echo]);
  });

  test.each(vectors.invalid)('RESET that says nothing: $name', ({ frame }) => {
    expect(opened(frame)).toBeNull();
  });
});
