import { encodeHex, Identity } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { resetVectors } from '../../scripts/make-vectors/resets.js';
import { KIND, parseChannelFrame } from '../../src/channel/channel-frame.js';
import { openReset, sealReset } from '../../src/channel/reset.js';
import { decodeMessage } from '../../src/index.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';
import { ScriptedEnd } from './scripted-end.js';

const vectors = readVectors<ReturnType<typeof resetVectors>>('resets.json');

describe.each(PROVIDERS)('$name', (provider) => {
  const sender = Identity.fromSeed(unhex(vectors.initiatorSeed), provider);
  const receiver = Identity.fromSeed(unhex(vectors.responderSeed), provider);
  const sharedStatic = sender.dh(receiver.publicKeyBytes());
  const [ours, theirs] = [sender.publicKeyBytes(), receiver.publicKeyBytes()];
  const asSender = { sharedStatic, self: ours, peer: theirs };
  const asReceiver = { sharedStatic, self: theirs, peer: ours };
  const opened = (frame: string) => {
    const parsed = parseChannelFrame(unhex(frame));
    return parsed?.kind === 'reset' ? openReset(provider, asReceiver, parsed) : null;
  };

  test.each(vectors.valid)('RESET $code is sealed and opened as written', ({ code, provoking, name, nonce, frame }) => {
    const known = code === 1 || code === 2 || code === 3 ? code : 1;
    const parsed = parseChannelFrame(unhex(provoking));
    if (parsed === null || parsed.kind === 'reset') throw new Error('a frame that earns no RESET');
    const message = sealReset(provider, asSender, parsed, known, unhex(nonce));
    const decoded = decodeMessage(message);
    expect(decoded.ok && encodeHex(decoded.value.content)).toBe(frame);
    const reset = opened(frame);
    expect([reset?.code, reset === null ? '' : encodeHex(reset.name.bytes)]).toEqual([code, name]);
  });

  test.each(vectors.invalid)('an invalid RESET: $name', ({ frame }) => {
    expect(opened(frame)).toBeNull();
  });

  test.each(vectors.pending)('RESET of $named, $phase: counts $counts', ({ phase, frame, counts }) => {
    const end = new ScriptedEnd('responder', provider, vectors, []);
    end.receive(unhex(vectors.openFrame));
    expect(end.sent).toEqual([vectors.acceptFrame]);
    if (phase === 'open') {
      end.receive(unhex(vectors.firstFrame));
      end.command({ type: 'send', data: 'pending' });
      end.flush();
      expect(end.sentOf(KIND.data)).toEqual([vectors.answerFrame]);
    }
    end.receive(unhex(frame));
    expect(end.table.size).toBe(counts ? 0 : 1);
    const failed = counts && phase === 'open' ? [{ failure: 'unknown-channel' }] : [];
    expect(end.delivered.slice(1)).toEqual(failed);
  });
});
