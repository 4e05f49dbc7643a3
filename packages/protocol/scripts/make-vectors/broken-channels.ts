import { concatBytes, naclProvider as provider } from '@sws/crypto';
import { CONTROL_TYPE, encodeControl } from '../../src/channel/control.js';
import { encodeData, encodeItems, ITEM_HEAD_BYTES, MAX_ITEMS, OPCODE, type Opcode } from '../../src/channel/data.js';
import { FAILURES, type FailureCode } from '../../src/failures.js';
import { deriveHandshake, deriveRekey, drawInputs, type HandshakeInputs } from './derivation.js';
import { writeInputs } from './handshakes.js';
import { flipped, hex, hexOf, littleEndian, utf8 } from './hex.js';
import { itemOf, Recorder, u64 } from './recorder.js';
import { seededRandom } from './seeded-random.js';

/** What a responder receives: a frame, or the plaintext of a DATA too long to write out, with the zeros behind it. */
type Received =
  | { readonly frame: string }
  | { readonly seq: number; readonly plaintext: string; readonly zeros: number };

const WINDOW = 65_536;

/** What a responder makes of frames before one confirms the channel. */
function halfOpenChannels(inputs: HandshakeInputs, base: Recorder, first: Uint8Array) {
  const { openFrame } = deriveHandshake(inputs);
  const other = deriveHandshake({ ...inputs, ea: seededRandom('another OPEN')(32) });
  const data = (seq: number): Uint8Array => base.sealData('initiator', seq, first);
  const ping = encodeControl({ type: CONTROL_TYPE.ping, next: 0, limit: WINDOW, id: 5 });
  const control = base.sealControl('initiator', 0, 0, ping);
  const together = base.sealData('initiator', 0, encodeItems(['first', '', 'third'].map(itemOf), 'padme'));
  const most = Array.from({ length: MAX_ITEMS }, (_, i) => `${i}`);
  const one = (name: string, frames: readonly Uint8Array[], accepts: number, opens: boolean, texts: string[] = []) => ({
    name,
    frames: frames.map(hex),
    accepts,
    opens,
    texts,
  });
  return [
    one('the same OPEN again', [openFrame], 1, false),
    one('another OPEN for the channel', [other.openFrame], 0, false),
    one('DATA 1', [data(1)], 0, false),
    one('DATA 0 that does not open', [flipped(data(0), -1)], 0, false),
    one('a CONTROL that does not open', [flipped(control, -1)], 0, false),
    one('DATA 0', [data(0)], 0, true, ['first']),
    one('DATA 0 with three texts', [together], 0, true, ['first', '', 'third']),
    one('DATA 0 with 16 texts', [base.sealData('initiator', 0, encodeItems(most.map(itemOf), 'padme'))], 0, true, most),
    one('DATA 1, which is dropped, and DATA 0', [data(1), data(0)], 0, true, ['first']),
    one('a CONTROL', [control], 0, true),
    one('a CONTROL, and the same OPEN again', [control, openFrame], 0, true),
  ];
}

/** What an initiator makes of frames of its responder: once it has sent a text, and its `rekey` where `rekeys` says so. */
function initiators(base: Recorder, after: Recorder, ephemerals: { readonly ea: Uint8Array; readonly eb: Uint8Array }) {
  const { text, rekey, rekeyed } = OPCODE;
  const encoded = (opcode: Opcode, bytes: Uint8Array): Uint8Array => encodeData(opcode, true, bytes, 'padme');
  const data = (seq: number, opcode: Opcode, bytes: Uint8Array): string =>
    hex(base.sealData('responder', seq, encoded(opcode, bytes)));
  const acknowledges = (counter: number, next: number): string =>
    hex(
      base.sealControl('responder', 0, counter, encodeControl({ type: CONTROL_TYPE.ack, next, limit: WINDOW, id: 0 })),
    );
  const none = new Uint8Array(0);
  const answer = provider.x25519PublicKey(ephemerals.eb);
  const fails = (name: string, rekeys: boolean, frames: readonly string[], failure: FailureCode, closeEpoch = 0) => ({
    name,
    rekeys,
    frames,
    failure,
    closeCode: FAILURES[failure].closeCode,
    closeEpoch,
  });
  return {
    text: 'hello',
    sent: hex(base.sealData('initiator', 0, encoded(text, utf8('hello')))),
    confirmation: acknowledges(0, 1),
    rekey: hex(base.sealData('initiator', 1, encoded(rekey, provider.x25519PublicKey(ephemerals.ea)))),
    invalid: [
      fails('text that is not UTF-8', false, [data(0, text, Uint8Array.of(0xff))], 'invalid-text'),
      fails('an acknowledgement of what was not sent', false, [acknowledges(1, 2)], 'protocol-error'),
      fails('an answer to no rekey', false, [data(0, rekey, answer)], 'protocol-error'),
      fails('rekeyed', false, [data(0, rekeyed, none)], 'protocol-error'),
      fails('rekeyed in place of an answer', true, [data(0, rekeyed, none)], 'protocol-error'),
      fails('an answer with a key of low order', true, [data(0, rekey, littleEndian(1n))], 'protocol-error'),
      fails(
        'a second answer',
        true,
        [data(0, rekey, answer), hex(after.sealData('responder', 1, encoded(rekey, answer)))],
        'protocol-error',
        1,
      ),
    ],
  };
}

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
  const drops = (name: string, frames: readonly Received[], pongs = 0, more: Record<string, unknown> = {}) => ({
    name,
    ...more,
    frames,
    failure: 'dropped',
    pongs,
  });
  const { text, binary, continuation, rekey, rekeyed } = OPCODE;
  const none = new Uint8Array(0);
  const ephemerals = { ea: random(32), eb: random(32) };
  const ephemeral = provider.x25519PublicKey(ephemerals.ea);
  const keysAfterRekey = deriveRekey(keys, inputs.initiator, inputs.responder, ephemerals.ea, ephemerals.eb);
  /** The same channel once its first rekey is complete. */
  const after = new Recorder(inputs);
  after.rekey(ephemerals.ea);
  after.answerRekey(ephemerals.ea, ephemerals.eb);
  after.rekeyed();
  const under = (seq: number, opcode: Opcode, bytes: Uint8Array): Received => ({
    frame: hex(after.sealData('initiator', seq, encodeData(opcode, true, bytes, 'padme'))),
  });
  const nextControl = (counter: number, plaintext: Uint8Array): Received => ({
    frame: hex(after.sealControl('initiator', 1, counter, plaintext)),
  });
  const second = provider.x25519PublicKey(random(32));
  const rekeyOnce = [encoded(0, rekey, true, ephemeral), encoded(1, rekeyed, true, none)];
  const first = encodeData(text, true, utf8('first'), 'padme');
  const firstFrame = base.sealData('initiator', 0, first);
  const ackAll = encodeControl({ type: CONTROL_TYPE.ack, next: 1, limit: WINDOW, id: 0 });
  const ping = encodeControl({ type: CONTROL_TYPE.ping, next: 0, limit: WINDOW, id: 5 });
  const closeWith = (name: string, bytes: Uint8Array, failure: FailureCode = 'protocol-error') =>
    fails(name, failure, [raw(0, 0x88, bytes)]);
  const code = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255);
  return {
    description: {
      all: 'PROTOCOL section 4. The handshake is done, and the responder, still half-open, receives frames (contents from the initiator; a DATA may be given as seq, plaintext and a number of zeros behind it, to be sealed under keys.dataAB).',
      invalid:
        'The last of frames makes the responder fail as told: it sends a close with closeCode (sealed under keysAfterRekey.dataBA where closeEpoch is 1) and reports 1006. The frame that fails delivers nothing. together: nothing is sent before the last frame has come. dropped, in place of a failure: the last of frames is ignored, or only counted, and those before it take effect; the channel goes on, and the DATA with seq 0 in `next` (the one at the top, unless the item has its own) is delivered. pongs counts the PONGs that were sent.',
      metered: 'The frames rekey once and then again; the second is answered (rekey) only `waitMs` later.',
      unacknowledged:
        'The same without a CONTROL: the second is not answered, however late, before `acknowledgement` has come.',
      halfOpen:
        'What a responder that has sent ACCEPT does with frames: how many more ACCEPTs it sends, whether the channel opens, and the texts that it delivers.',
      tombstones:
        'The responder takes a close, which it answers and reports, and then frames that have no effect but to be acknowledged: its last CONTROL is a PONG with `next`.',
      initiator:
        'The other end of the same channel. It takes acceptFrame, its application sends `text` (the DATA sent), and it takes confirmation. Where rekeys is true, it then seals a rekey (the DATA rekey, with rekey.eaSecret at the top). The last of frames makes it fail as told (its close is sealed under keysAfterRekey.dataAB where closeEpoch is 1).',
    },
    ...writeInputs(inputs),
    openFrame: hex(openFrame),
    acceptFrame: hex(acceptFrame),
    keys: hexOf({ ...keys }),
    rekey: hexOf({ eaSecret: ephemerals.ea, ebSecret: ephemerals.eb }),
    keysAfterRekey: hexOf({ ...keysAfterRekey }),
    next: { frame: hex(firstFrame), delivers: { text: 'first' } },
    metered: {
      frames: [...rekeyOnce, nextControl(0, ackAll), under(2, rekey, second)],
      waitMs: 30_000,
    },
    unacknowledged: {
      frames: [...rekeyOnce, under(2, rekey, second)],
      waitMs: 30_000,
      acknowledgement: nextControl(0, ackAll),
    },
    halfOpen: halfOpenChannels(inputs, base, first),
    tombstones: [
      { name: 'a message', frames: [encoded(1, text, true, utf8('late'))] },
      { name: 'opcode 5', frames: [raw(1, 0x85, none)] },
      { name: 'text that is not UTF-8', frames: [encoded(1, text, true, Uint8Array.of(0xff))] },
      { name: 'rekeyed out of turn', frames: [encoded(1, rekeyed, true, none)] },
    ].map(({ name, frames }) => ({
      name,
      frames: [encoded(0, OPCODE.close, true, code(1_000)), ...frames, control(0, ping)],
      delivers: { close: { code: 1_000, reason: '' } },
      next: 2,
    })),
    initiator: initiators(base, after, ephemerals),
    invalid: [
      fails('opcode 5', 'protocol-error', [raw(0, 0x85, none)]),
      fails('a close without FIN', 'protocol-error', [raw(0, 0x08, none)]),
      fails('a length past the end', 'protocol-error', [data(0, Uint8Array.of(0x81, 0, 0, 0, 9, 1))]),
      fails('padding that is not zero', 'protocol-error', [data(0, Uint8Array.of(0x81, 0, 0, 0, 1, 0x61, 0, 1))]),
      fails('a fragment behind a message', 'protocol-error', [
        data(0, concatBytes(first.slice(0, 10), encodeData(text, false, utf8('b'), 'none'))),
      ]),
      fails('text that is not UTF-8 behind a message: neither is delivered', 'invalid-text', [
        data(0, concatBytes(first.slice(0, 10), encodeData(text, true, Uint8Array.of(0xff), 'none'))),
      ]),
      fails('text that is not UTF-8, and an unknown opcode behind it: the first item decides', 'invalid-text', [
        data(0, concatBytes(encodeData(text, true, Uint8Array.of(0xff), 'none'), Uint8Array.of(0x85, 0, 0, 0, 0))),
      ]),
      fails('messages that share a frame inside a message', 'protocol-error', [
        encoded(0, text, false, utf8('a')),
        data(1, concatBytes(first.slice(0, 10), first.slice(0, 10))),
      ]),
      fails('17 messages in one frame', 'protocol-error', [
        data(0, encodeItems(new Array(MAX_ITEMS + 1).fill(itemOf('a')), 'none')),
      ]),
      fails('messages of one frame beyond the credit: 64,080 + 16 x 96 bytes', 'protocol-error', [
        {
          seq: 0,
          plaintext: `${'8200000000'.repeat(MAX_ITEMS - 1)}820000ea60`,
          zeros: 64_080 - MAX_ITEMS * ITEM_HEAD_BYTES,
        },
      ]),
      fails('a continuation of nothing', 'protocol-error', [encoded(0, continuation, true, none)]),
      fails('a message inside a message', 'protocol-error', [
        encoded(0, text, false, utf8('a')),
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
      ...[2n ** 255n - 19n, 2n ** 255n - 18n, 2n ** 255n, 2n ** 255n + 1n].map((u) =>
        fails(`a rekey with a key of low order that is not canonical: ${hex(littleEndian(u))}`, 'protocol-error', [
          encoded(0, rekey, true, littleEndian(u)),
        ]),
      ),
      fails(
        'a RESUME whose next is below one already told',
        'protocol-error',
        [encoded(0, rekey, true, ephemeral), control(0, ackAll), says(1, CONTROL_TYPE.resume, 0, 6)],
        { closeEpoch: 1 },
      ),
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
      fails(
        "rekeyed before the responder's answer is sealed",
        'protocol-error',
        [encoded(0, rekey, true, ephemeral), encoded(1, rekeyed, true, none)],
        { together: true, closeEpoch: 1 },
      ),
      fails(
        'rekeyed for a second rekey that came too soon to be answered',
        'protocol-error',
        [...rekeyOnce, nextControl(0, ackAll), under(2, rekey, second), under(3, rekeyed, none)],
        { closeEpoch: 1 },
      ),
      fails(
        'a third rekey while the second came too soon to be answered',
        'protocol-error',
        [...rekeyOnce, nextControl(0, ackAll), under(2, rekey, second), under(3, rekey, second)],
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
        'message-too-large',
        [encoded(0, binary, false, new Uint8Array(60)), encoded(1, continuation, true, new Uint8Array(41))],
        { maxMessageBytes: 100 },
      ),
      fails(
        'a partial message over maxMessageBytes',
        'message-too-large',
        [encoded(0, binary, false, new Uint8Array(60)), encoded(1, continuation, false, new Uint8Array(41))],
        { maxMessageBytes: 100 },
      ),
      fails('an empty first fragment', 'protocol-error', [encoded(0, text, false, none)]),
      fails('an empty middle fragment', 'protocol-error', [
        encoded(0, text, false, utf8('a')),
        encoded(1, continuation, false, none),
      ]),
      fails(
        'a message of small fragments, 12 x (1 + 96) bytes, over maxMessageBytes + 96',
        'message-too-large',
        Array.from({ length: 12 }, (_, seq) => encoded(seq, seq === 0 ? binary : continuation, false, utf8('a'))),
        { maxMessageBytes: 1_000 },
      ),
      ...[0, 1, 2, 3, 4].map((length) =>
        fails(`a DATA of ${41 + length} bytes: a plaintext of ${length}`, 'protocol-error', [
          data(0, new Uint8Array(length)),
        ]),
      ),
      drops('a DATA of 40 bytes', [{ frame: hex(firstFrame.slice(0, 40)) }]),
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
      drops('a CONTROL of the epoch before, once its rekey is complete', [...rekeyOnce, control(0, ping)], 0, {
        next: { ...under(2, text, utf8('first')), delivers: { text: 'first' } },
      }),
      drops(
        'a CONTROL of the epoch before, once one of the next has opened',
        [encoded(0, rekey, true, ephemeral), nextControl(0, ping), control(0, ping)],
        1,
        { next: { ...encoded(1, text, true, utf8('first')), delivers: { text: 'first' } } },
      ),
      drops("the responder's own CONTROL sent back", [{ frame: hex(base.sealControl('responder', 0, 0, ping)) }]),
      drops('a CONTROL a byte too long', [control(0, concatBytes(ping, Uint8Array.of(0)))]),
      drops('an unknown kind', [{ frame: `06${hex(inputs.channelId)}00` }]),
      drops('half a head', [{ frame: hex(firstFrame.slice(0, 16)) }]),
      drops('nothing', [{ frame: '' }]),
    ],
  };
}
