import { concatBytes, naclProvider as provider } from '@sws/crypto';
import { CONTROL_TYPE, encodeControl } from '../../src/channel/control.js';
import { encodeData, OPCODE, type Opcode } from '../../src/channel/data.js';
import { FAILURES, type FailureCode } from '../../src/failures.js';
import { deriveHandshake, deriveRekey, drawInputs } from './derivation.js';
import { writeInputs } from './handshakes.js';
import { flipped, hex, hexOf, littleEndian, utf8 } from './hex.js';
import { Recorder, u64 } from './recorder.js';
import { seededRandom } from './seeded-random.js';

/** What a responder receives: a frame, or the plaintext of a DATA too long to write out, with the zeros behind it. */
type Received =
  | { readonly frame: string }
  | { readonly seq: number; readonly plaintext: string; readonly zeros: number };

const WINDOW = 65_536;

/** What one end must say to a peer that breaks the rules of a channel, and what it must drop. */
export function brokenChannelVectors() {
  const random = seededRandom('broken channels');
  const open = { resource: '/', protocols: [], limit: WINDOW };
  const inputs = drawInputs(random, open, { protocol: '', limit: WINDOW });
  const { openFrame, acceptFrame, keys } = deriveHandshake(inputs);
  const base = new Recorder(inputs);
  const another = new Recorder({ ...inputs, channelId: random(16) });
  const data = (seq: number, plaintext: Uint8Array): Received => ({
    frame: hex(base.sealData('initiator', seq, plaintext)),
  });
  const encoded = (seq: number, opcode: Opcode, fin: boolean, bytes: Uint8Array): Received =>
    data(seq, encodeData(opcode, fin, bytes, 'padme'));
  const raw = (seq: number, first: number, bytes: Uint8Array): Received =>
    data(seq, concatBytes(Uint8Array.of(first, 0, 0, 0, bytes.length), bytes));
  const control = (counter: number, plaintext: Uint8Array, epoch = 0): Received => ({
    frame: hex(base.sealControl('initiator', epoch, counter, plaintext)),
  });
  const says = (counter: number, type: 1 | 2 | 3 | 4, next: number, id: number): Received =>
    control(counter, encodeControl({ type, next, limit: WINDOW, id }));
  const fails = (
    name: string,
    failure: FailureCode,
    frames: readonly Received[],
    more: Record<string, unknown> = {},
  ) => ({
    name,
    ...more,
    frames,
    failure,
    closeCode: FAILURES[failure].closeCode,
  });
  const drops = (name: string, frames: readonly Received[], pongs = 0) => ({
    name,
    frames,
    failure: 'dropped',
    pongs,
  });
  const { text, binary, continuation, rekey, rekeyed } = OPCODE;
  const none = new Uint8Array(0);
  const ephemerals = { ea: random(32), eb: random(32) };
  const ephemeral = provider.x25519PublicKey(ephemerals.ea);
  const keysAfterRekey = deriveRekey(keys, inputs.initiator, inputs.responder, ephemerals.ea, ephemerals.eb);
  const first = encodeData(text, true, utf8('first'), 'padme');
  const firstFrame = base.sealData('initiator', 0, first);
  const ping = encodeControl({ type: CONTROL_TYPE.ping, next: 0, limit: WINDOW, id: 5 });
  const closeWith = (name: string, bytes: Uint8Array, failure: FailureCode = 'protocol-error') =>
    fails(name, failure, [raw(0, 0x88, bytes)]);
  const code = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255);
  return {
    description:
      'PROTOCOL section 4. The handshake is done and the responder receives frames (contents from the initiator; a DATA may be given as seq, plaintext and a number of zeros behind it, to be sealed under keys.dataAB). The last frame makes it fail as told: it sends a close with closeCode (sealed under keysAfterRekey.dataBA where closeEpoch is 1) and reports 1006. dropped: every frame is ignored, or only counted; the channel goes on and the DATA with seq 0 in `next` is delivered; pongs counts the PONGs that were sent.',
    ...writeInputs(inputs),
    openFrame: hex(openFrame),
    acceptFrame: hex(acceptFrame),
    keys: hexOf({ ...keys }),
    rekey: hexOf({ eaSecret: ephemerals.ea, ebSecret: ephemerals.eb }),
    keysAfterRekey: hexOf({ ...keysAfterRekey }),
    next: { frame: hex(firstFrame), delivers: { text: 'first' } },
    invalid: [
      fails('opcode 5', 'protocol-error', [raw(0, 0x85, none)]),
      fails('a close without FIN', 'protocol-error', [raw(0, 0x08, none)]),
      fails('a length past the end', 'protocol-error', [data(0, Uint8Array.of(0x81, 0, 0, 0, 9, 1))]),
      fails('padding that is not zero', 'protocol-error', [data(0, Uint8Array.of(0x81, 0, 0, 0, 1, 0x61, 0, 1))]),
      fails('a continuation of nothing', 'protocol-error', [encoded(0, continuation, true, none)]),
      fails('a message inside a message', 'protocol-error', [
        encoded(0, text, false, none),
        encoded(1, binary, true, none),
      ]),
      fails('text that is not UTF-8', 'invalid-text', [encoded(0, text, true, Uint8Array.of(0xff))]),
      fails('text that ends within a character', 'invalid-text', [encoded(0, text, true, Uint8Array.of(0xc3))]),
      fails('text with a surrogate', 'invalid-text', [encoded(0, text, true, Uint8Array.of(0xed, 0xa0, 0x80))]),
      fails('text of two fragments that is not UTF-8', 'invalid-text', [
        encoded(0, text, false, Uint8Array.of(0xc3)),
        encoded(1, continuation, true, Uint8Array.of(0x28)),
      ]),
      closeWith('a close of one byte', Uint8Array.of(3)),
      ...[0, 999, 1_004, 1_005, 1_006, 1_015, 2_999, 5_000].map((value) =>
        closeWith(`close code ${value}`, code(value)),
      ),
      closeWith('a reason of 124 bytes', concatBytes(code(1_000), new Uint8Array(124).fill(0x61))),
      closeWith('a reason that is not UTF-8', concatBytes(code(1_000), Uint8Array.of(0xff)), 'invalid-text'),
      fails('rekeyed out of turn', 'protocol-error', [encoded(0, rekeyed, true, none)]),
      fails('a rekey of 31 bytes', 'protocol-error', [raw(0, 0x83, ephemeral.slice(0, 31))]),
      fails('a rekey with a key of low order', 'protocol-error', [encoded(0, rekey, true, littleEndian(1n))]),
      fails(
        'two rekeys at once',
        'protocol-error',
        [encoded(0, rekey, true, ephemeral), encoded(1, rekey, true, ephemeral)],
        { closeEpoch: 1 },
      ),
      fails(
        'rekeyed with a byte',
        'protocol-error',
        [encoded(0, rekey, true, ephemeral), raw(1, 0x84, Uint8Array.of(0))],
        { closeEpoch: 1 },
      ),
      fails('CONTROL of type 5', 'protocol-error', [control(0, concatBytes(Uint8Array.of(5), new Uint8Array(24)))]),
      fails('PING without id', 'protocol-error', [says(0, 3, 0, 0)]),
      fails('next above 2^53 - 1', 'protocol-error', [
        control(0, concatBytes(Uint8Array.of(1), u64(2n ** 53n), u64(WINDOW), u64(0))),
      ]),
      fails('an acknowledgement of what was not sent', 'protocol-error', [says(0, 1, 1, 0)]),
      fails('DATA beyond the credit: 65,441 + 96 bytes', 'protocol-error', [
        { seq: 0, plaintext: '8100000000', zeros: 65_436 },
      ]),
      fails(
        'a message over maxMessageBytes',
        'message-too-big',
        [encoded(0, binary, false, new Uint8Array(60)), encoded(1, continuation, true, new Uint8Array(41))],
        { maxMessageBytes: 100 },
      ),
      drops('one bit of a DATA', [{ frame: hex(flipped(firstFrame, -1)) }]),
      drops('a DATA a byte short', [{ frame: hex(firstFrame.slice(0, -1)) }]),
      drops('a DATA under another seq', [{ frame: hex(flipped(base.sealData('initiator', 1, first), 24)) }]),
      drops('a DATA ahead of its turn', [data(1, first)]),
      drops('a DATA of another channel', [
        {
          frame: hex(
            concatBytes(Uint8Array.of(3), inputs.channelId, another.sealData('initiator', 0, first).subarray(17)),
          ),
        },
      ]),
      drops("the responder's own DATA sent back", [{ frame: hex(base.sealData('responder', 0, first)) }]),
      drops('a DATA of seq 2^53', [
        { frame: hex(concatBytes(Uint8Array.of(3), inputs.channelId, u64(2n ** 53n), firstFrame.subarray(25))) },
      ]),
      drops('a CONTROL that comes twice', [control(0, ping), control(0, ping)], 1),
      drops('a CONTROL older than the last', [control(1, ping), control(0, ping)], 1),
      drops('a CONTROL of an epoch that is not', [
        { frame: hex(flipped(base.sealControl('initiator', 0, 0, ping), 20)) },
      ]),
      drops("the responder's own CONTROL sent back", [{ frame: hex(base.sealControl('responder', 0, 0, ping)) }]),
      drops('a CONTROL a byte too long', [control(0, concatBytes(ping, Uint8Array.of(0)))]),
      drops('an unknown kind', [{ frame: `06${hex(inputs.channelId)}00` }]),
      drops('half a head', [{ frame: hex(firstFrame.slice(0, 16)) }]),
      drops('nothing', [{ frame: '' }]),
    ],
  };
}
