import { type CryptoProvider, concatBytes, encodeHex } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { brokenChannelVectors } from '../../scripts/make-vectors/broken-channels.js';
import type { channelVectors } from '../../scripts/make-vectors/channels.js';
import type { creditVectors } from '../../scripts/make-vectors/credit.js';
import type { Step } from '../../scripts/make-vectors/recorder.js';
import { KIND } from '../../src/channel/channel-frame.js';
import { CONTROL_TYPE, decodeControl } from '../../src/channel/control.js';
import { decodeData, isChannelOpcode, OPCODE } from '../../src/channel/data.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';
import { ScriptedEnd } from './scripted-end.js';

const { valid } = readVectors<ReturnType<typeof channelVectors>>('channels.json');
const credit = readVectors<ReturnType<typeof creditVectors>>('credit.json');
const broken = readVectors<ReturnType<typeof brokenChannelVectors>>('broken-channels.json');
/** The initiator rekeys this long after a key's first frame. */
const REKEY_AGE_MS = 120_000;
/** A DATA frame is charged this much beside its padded plaintext. */
const ITEM_CHARGE_BYTES = 96;

type Recorded = (typeof valid)[number];
/** Plays one end of a recorded channel with the real machine: it must send the recorded DATA and deliver what they carry. */
function play(end: ScriptedEnd, role: Step['from'], steps: readonly Step[]): void {
  const expected: unknown[] = [];
  let closed = false;
  let sentData = 0;
  for (const step of steps) {
    const { from, kind, frame } = step;
    end.nowMs += step.afterMs ?? 0;
    end.wake();
    const { delivers, more = [] } = step.kind === 'DATA' ? step : {};
    if (from !== role) {
      end.receive(unhex(frame));
      if (delivers !== undefined && !closed) expected.push(delivers, ...more);
      closed ||= delivers !== undefined && 'close' in delivers;
      expect(end.delivered, `${kind} from ${from}`).toEqual(expected);
    } else if (kind === 'OPEN') {
      end.open();
      expect(end.sent).toEqual([frame]);
    } else if (kind === 'ACCEPT') {
      expect(end.sent).toEqual([frame]);
    } else if (step.kind === 'DATA' && step.again === true) {
      expect(end.sentOf(KIND.data)[sentData++], 'sent again').toBe(frame);
    } else if (kind === 'DATA') {
      if (delivers === undefined) {
        if (step.plaintext.startsWith('83') && role === 'initiator') {
          end.nowMs += REKEY_AGE_MS;
          end.wake();
        }
      } else {
        for (const one of [delivers, ...more]) {
          if ('text' in one) end.command({ type: 'send', data: one.text });
          else if ('binary' in one) end.command({ type: 'send', data: unhex(one.binary) });
          else end.command({ type: 'close', ...one.close });
        }
      }
      end.flush();
      expect(end.sentOf(KIND.data)[sentData++], step.plaintext).toBe(frame);
    }
  }
}

/** The code of a close without a reason; `null` for a frame that is not one or does not open. */
function closeCodeOf(provider: CryptoProvider, data: string, key: string): number | null {
  const content = unhex(data);
  const nonce = concatBytes(new Uint8Array(16), content.subarray(17, 25));
  const plaintext = provider.secretboxOpen(unhex(key), nonce, content.subarray(25));
  const decoded = plaintext === null ? null : decodeData(plaintext);
  if (!decoded?.ok || decoded.value.opcode !== OPCODE.close || decoded.value.bytes.length !== 2) return null;
  return Number.parseInt(encodeHex(decoded.value.bytes), 16);
}

/** The type of a CONTROL that the responder sent, before or after the one rekey. */
function typeOf(provider: CryptoProvider, control: string): number | undefined {
  const content = unhex(control);
  const nonce = concatBytes(new Uint8Array(12), content.subarray(17, 29));
  const { controlBA } = content[20] === 0 ? broken.keys : broken.keysAfterRekey;
  return provider.secretboxOpen(unhex(controlBA), nonce, content.subarray(29))?.[0];
}

/** What an end has granted in all that has every DATA below `next`, gives each message to its application, and has memory. */
function grantedAt({ open, accept, steps }: Recorded, role: Step['from'], next: number): number {
  let limit = (role === 'initiator' ? open : accept).limit;
  for (const step of steps) {
    if (step.kind !== 'DATA' || step.from === role || step.again === true || step.seq >= next) continue;
    const plaintext = unhex(step.plaintext);
    const decoded = decodeData(plaintext);
    if (!decoded.ok || isChannelOpcode(decoded.value.opcode)) continue;
    limit += plaintext.length + (1 + (step.more?.length ?? 0)) * ITEM_CHARGE_BYTES;
  }
  return limit;
}

/** The CONTROLs that one end has sent in a recorded channel. */
function opened(provider: CryptoProvider, recorded: Recorded, role: Step['from'], contents: readonly string[]) {
  return contents.map((content) => {
    const frame = unhex(content);
    const keys = recorded.epochs[new DataView(frame.buffer).getUint32(17)];
    const key = unhex((role === 'initiator' ? keys?.controlAB : keys?.controlBA) ?? '');
    const nonce = concatBytes(new Uint8Array(12), frame.subarray(17, 29));
    const plaintext = provider.secretboxOpen(key, nonce, frame.subarray(29));
    return plaintext === null ? null : decodeControl(plaintext);
  });
}

/** The machine sends whole messages, and `rekeyed` at once: in these channels only the responder's part is what it would do. */
const RESPONDERS_PART = /^fragments|^closed by the responder during a rekey$/;
const roles = (recorded: Recorded): Step['from'][] =>
  RESPONDERS_PART.test(recorded.name) ? ['responder'] : ['initiator', 'responder'];

describe.each(PROVIDERS)('$name', (provider) => {
  for (const recorded of valid) {
    test.each(roles(recorded))(`${recorded.name}: the machine of the %s does what was recorded`, (role) => {
      const secrets = recorded.rekeys.map(({ eaSecret, ebSecret }) => (role === 'initiator' ? eaSecret : ebSecret));
      const end = new ScriptedEnd(role, provider, recorded, secrets);
      play(end, role, recorded.steps);
      expect(end.table.counters).toMatchObject({ malformed: 0, notOpened: 0, resetsSent: 0 });
      const controls = opened(provider, recorded, role, end.sentOf(KIND.control));
      expect(controls.length).toBeGreaterThan(0);
      for (const control of controls) expect(control?.limit).toBe(grantedAt(recorded, role, control?.next ?? 0));
    });

    test(`${recorded.name}: each CONTROL tells the credit that the machine would`, () => {
      for (const { from, kind, frame } of recorded.steps) {
        if (kind !== 'CONTROL') continue;
        const [control] = opened(provider, recorded, from, [frame]);
        expect(control?.limit).toBe(grantedAt(recorded, from, control?.next ?? 0));
      }
    });
  }

  test('a second rekey is answered when its time has come', () => {
    const { ebSecret } = broken.rekey;
    const end = new ScriptedEnd('responder', provider, broken, [ebSecret, ebSecret]);
    end.receive(unhex(broken.openFrame));
    for (const given of broken.metered.frames) if ('frame' in given) end.receive(unhex(given.frame));
    expect(end.sentOf(KIND.data)).toHaveLength(1);
    expect(end.table.nextWakeAtMs).toBeLessThanOrEqual(end.nowMs + broken.metered.waitMs);
    for (const [waitMs, answers] of [
      [broken.metered.waitMs - 1, 1],
      [1, 2],
    ] as const) {
      end.nowMs += waitMs;
      end.wake();
      end.flush();
      expect(end.sentOf(KIND.data)).toHaveLength(answers);
    }
    expect(end.delivered).toEqual([]);
  });

  test('a second rekey is not answered before the answer to the first is acknowledged', () => {
    const { ebSecret } = broken.rekey;
    const { frames, waitMs, acknowledgement } = broken.unacknowledged;
    const end = new ScriptedEnd('responder', provider, broken, [ebSecret, ebSecret]);
    end.receive(unhex(broken.openFrame));
    for (const given of frames) if ('frame' in given) end.receive(unhex(given.frame));
    end.nowMs += waitMs;
    end.wake();
    end.flush();
    expect(end.sentOf(KIND.data)).toHaveLength(1);
    if ('frame' in acknowledgement) end.receive(unhex(acknowledgement.frame));
    end.wake();
    end.flush();
    expect(end.sentOf(KIND.data)).toHaveLength(2);
  });

  test.each(broken.halfOpen)('half-open: $name', ({ frames, accepts, opens, texts }) => {
    const end = new ScriptedEnd('responder', provider, broken, []);
    end.receive(unhex(broken.openFrame));
    for (const frame of frames) end.receive(unhex(frame));
    expect(end.sentOf(KIND.accept)).toEqual(new Array(1 + accepts).fill(broken.acceptFrame));
    expect(end.events.some(({ type }) => type === 'open')).toBe(opens);
    expect(end.delivered).toEqual(texts.map((text) => ({ text })));
    // Before a frame has confirmed the channel nothing but ACCEPT goes out.
    if (!opens) expect(end.sent).toHaveLength(1 + accepts);
  });

  test.each(broken.tombstones)('a tombstone takes $name', ({ frames, delivers, next }) => {
    const end = new ScriptedEnd('responder', provider, broken, []);
    end.receive(unhex(broken.openFrame));
    for (const given of frames) if ('frame' in given) end.receive(unhex(given.frame));
    expect(end.delivered).toEqual([delivers]);
    const content = unhex(end.sentOf(KIND.control).at(-1) ?? '');
    const nonce = concatBytes(new Uint8Array(12), content.subarray(17, 29));
    const plaintext = provider.secretboxOpen(unhex(broken.keys.controlBA), nonce, content.subarray(29));
    expect(plaintext === null ? null : decodeControl(plaintext)).toMatchObject({ type: CONTROL_TYPE.pong, next });
    // Its answer to the close is the only DATA that goes out.
    expect(end.sentOf(KIND.data)).toHaveLength(1);
  });

  test.each(broken.initiator.invalid)('an initiator fails with $failure: $name', (vector) => {
    const { text, sent, confirmation, rekey } = broken.initiator;
    const end = new ScriptedEnd('initiator', provider, broken, [broken.rekey.eaSecret]);
    end.open();
    end.receive(unhex(broken.acceptFrame));
    end.command({ type: 'send', data: text });
    end.flush();
    end.receive(unhex(confirmation));
    if (vector.rekeys) {
      end.nowMs += REKEY_AGE_MS;
      end.wake();
      end.flush();
    }
    expect(end.sentOf(KIND.data)).toEqual(vector.rekeys ? [sent, rekey] : [sent]);
    for (const frame of vector.frames) {
      expect(end.delivered).toEqual([]);
      end.receive(unhex(frame));
    }
    expect(end.delivered).toEqual([{ failure: vector.failure }]);
    const keys = vector.closeEpoch === 1 ? broken.keysAfterRekey : broken.keys;
    expect(closeCodeOf(provider, end.sentOf(KIND.data).at(-1) ?? '', keys.dataAB)).toBe(vector.closeCode);
  });

  test('seals what its credit covers, and no more', () => {
    const end = new ScriptedEnd('responder', provider, credit, []);
    end.receive(unhex(credit.openFrame));
    expect(end.sent).toEqual([credit.acceptFrame]);
    for (const [index, { name, frame, sends }] of credit.grants.entries()) {
      end.receive(unhex(frame));
      for (let i = 0; index === 0 && i < credit.messages; i++)
        end.command({ type: 'send', data: new Uint8Array(credit.messageBytes) });
      end.flush();
      expect(new Set(end.sentOf(KIND.data)).size, name).toBe(sends);
    }
  });

  test.each(broken.invalid)('a broken channel: $name', (vector) => {
    const { frames, failure } = vector;
    const settings = 'maxMessageBytes' in vector ? { maxMessageBytes: Number(vector.maxMessageBytes) } : {};
    const end = new ScriptedEnd('responder', provider, broken, [broken.rekey.ebSecret], settings);
    end.receive(unhex(broken.openFrame));
    expect(end.sent).toEqual([broken.acceptFrame]);
    for (const given of frames) {
      if ('frame' in given) end.receive(unhex(given.frame), 'together' in vector && given !== frames.at(-1));
      else {
        const nonce = new Uint8Array(24);
        const seq = new Uint8Array(8);
        new DataView(seq.buffer).setBigUint64(0, BigInt(given.seq));
        nonce.set(seq, 16);
        const plaintext = concatBytes(unhex(given.plaintext), new Uint8Array(given.zeros));
        const box = provider.secretboxSeal(unhex(broken.keys.dataAB), nonce, plaintext);
        end.receive(concatBytes(Uint8Array.of(KIND.data), unhex(broken.channelId), seq, box));
      }
    }
    if (failure === 'dropped') {
      expect(end.delivered).toEqual([]);
      const next = 'next' in vector ? (vector.next as typeof broken.next) : broken.next;
      end.receive(unhex(next.frame));
      expect(end.delivered).toEqual([next.delivers]);
      const pongs = end.sentOf(KIND.control).filter((control) => typeOf(provider, control) === CONTROL_TYPE.pong);
      expect(pongs).toHaveLength('pongs' in vector ? vector.pongs : 0);
      return;
    }
    expect(end.delivered).toEqual([{ failure }]);
    // What the peer is told: the last DATA that goes out is a close with the failure's code.
    const { dataBA: key } = 'closeEpoch' in vector ? broken.keysAfterRekey : broken.keys;
    const closeCode = 'closeCode' in vector ? vector.closeCode : null;
    expect(closeCodeOf(provider, end.sentOf(KIND.data).at(-1) ?? '', key)).toBe(closeCode);
  });
});
