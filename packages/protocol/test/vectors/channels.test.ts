import { type CryptoProvider, concatBytes, encodeHex } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { brokenChannelVectors } from '../../scripts/make-vectors/broken-channels.js';
import type { channelVectors } from '../../scripts/make-vectors/channels.js';
import type { Step } from '../../scripts/make-vectors/recorder.js';
import { CONTROL_TYPE } from '../../src/channel/control.js';
import { decodeData } from '../../src/channel/data.js';
import { KIND } from '../../src/index.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';
import { ScriptedEnd } from './scripted-end.js';

const { valid } = readVectors<ReturnType<typeof channelVectors>>('channels.json');
const broken = readVectors<ReturnType<typeof brokenChannelVectors>>('broken-channels.json');
/** The initiator rekeys this long after a key's first frame. */
const REKEY_AGE_MS = 120_000;

type Recorded = (typeof valid)[number];
/** Plays one end of a recorded channel with the real machine: it must send the recorded DATA and deliver what they carry. */
function play(end: ScriptedEnd, role: Step['from'], steps: readonly Step[]): void {
  const expected: unknown[] = [];
  let closed = false;
  let sentData = 0;
  for (const step of steps) {
    const { from, kind, frame } = step;
    const delivers = step.kind === 'DATA' ? step.delivers : undefined;
    if (from !== role) {
      end.receive(unhex(frame));
      if (delivers !== undefined && !closed) expected.push(delivers);
      closed ||= delivers !== undefined && 'close' in delivers;
      expect(end.delivered, `${kind} from ${from}`).toEqual(expected);
    } else if (kind === 'OPEN') {
      end.open();
      expect(end.sent).toEqual([frame]);
    } else if (kind === 'ACCEPT') {
      expect(end.sent).toEqual([frame]);
    } else if (kind === 'DATA') {
      const { channel, table } = end;
      if (channel === null) throw new Error('no channel');
      if (delivers === undefined) {
        if (role === 'initiator' && step.plaintext.startsWith('83')) {
          end.nowMs += REKEY_AGE_MS;
          table.wake(end.nowMs);
        }
      } else if ('text' in delivers) channel.send(delivers.text, end.nowMs);
      else if ('binary' in delivers) channel.send(unhex(delivers.binary), end.nowMs);
      else channel.close(delivers.close.code, delivers.close.reason, end.nowMs);
      end.flush();
      expect(end.sentOf(KIND.data)[sentData++], step.plaintext).toBe(frame);
    }
  }
}

/** The type of a CONTROL that the responder sent before any rekey. */
function typeOf(provider: CryptoProvider, control: string): number | undefined {
  const content = unhex(control);
  const nonce = concatBytes(new Uint8Array(12), content.subarray(17, 29));
  return provider.secretboxOpen(unhex(broken.keys.controlBA), nonce, content.subarray(29))?.[0];
}

/** The machine sends whole messages; only a responder's part is recorded so in every channel. */
const roles = (recorded: Recorded): Step['from'][] =>
  recorded.name.startsWith('fragments') ? ['responder'] : ['initiator', 'responder'];

describe.each(PROVIDERS)('$name', (provider) => {
  for (const recorded of valid) {
    test.each(roles(recorded))(`${recorded.name}: the %s's machine does as recorded`, (role) => {
      const secrets = recorded.rekeys.map(({ eaSecret, ebSecret }) => (role === 'initiator' ? eaSecret : ebSecret));
      const end = new ScriptedEnd(role, provider, recorded, secrets);
      play(end, role, recorded.steps);
      expect(end.table.counters).toMatchObject({ malformed: 0, notOpened: 0, resetsSent: 0 });
    });
  }

  test.each(broken.invalid)('a broken channel: $name', (vector) => {
    const { frames, failure } = vector;
    const settings = 'maxMessageBytes' in vector ? { maxMessageBytes: Number(vector.maxMessageBytes) } : {};
    const end = new ScriptedEnd('responder', provider, broken, [broken.rekey.ebSecret], settings);
    end.receive(unhex(broken.openFrame));
    expect(end.sent).toEqual([broken.acceptFrame]);
    for (const given of frames) {
      if ('frame' in given) end.receive(unhex(given.frame));
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
      end.receive(unhex(broken.next.frame));
      expect(end.delivered).toEqual([broken.next.delivers]);
      const pongs = end.sentOf(KIND.control).filter((control) => typeOf(provider, control) === CONTROL_TYPE.pong);
      expect(pongs).toHaveLength('pongs' in vector ? vector.pongs : 0);
      return;
    }
    expect(end.delivered).toEqual([{ failure }]);
    // What the peer is told: the last DATA that goes out is a close with the failure's code.
    const content = unhex(end.sentOf(KIND.data).at(-1) ?? '');
    const nonce = concatBytes(new Uint8Array(16), content.subarray(17, 25));
    const { dataBA: key } = 'closeEpoch' in vector ? broken.keysAfterRekey : broken.keys;
    const plaintext = provider.secretboxOpen(unhex(key), nonce, content.subarray(25));
    const decoded = plaintext === null ? null : decodeData(plaintext);
    const closeCode = 'closeCode' in vector ? vector.closeCode : null;
    expect(decoded?.ok && [decoded.value.opcode, encodeHex(decoded.value.bytes)]).toEqual([
      8,
      Number(closeCode).toString(16).padStart(4, '0'),
    ]);
  });
});
