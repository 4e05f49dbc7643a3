import { expect, test } from 'vitest';
import { KIND, parseChannelFrame as parse } from '../../src/channel/channel-frame.js';
import { decodeClose, encodeClose } from '../../src/channel/close-status.js';
import { decodeControl, encodeControl } from '../../src/channel/control.js';
import { decodeData, encodeData, OPCODE } from '../../src/channel/data.js';
import { decodeAcceptPayload, decodeOpenPayload, encodePayload } from '../../src/channel/payload.js';
import {
  type ClientFrame,
  decodeClientFrame,
  decodeMessage,
  decodeRelayFrame,
  encodeFrame,
  encodeMessage,
  type RelayFrame,
} from '../../src/index.js';
import { seeded } from '../simulator/seeded.js';
import { HEAP_SLACK_BYTES, heapBytes } from './heap.js';
import { mutateBytes, mutateText } from './mutation.js';

/** Inputs of each decoder. `SWS_RUNS` sets another number, `SWS_SEED` another seed. */
const INPUTS = Number(process.env.SWS_RUNS ?? 10_000);
const SEED = Number(process.env.SWS_SEED ?? 1);

const hex = (bytes: number): string => 'a1'.repeat(bytes);
const clientFrames: readonly ClientFrame[] = [
  {
    type: 'CHALLENGE_RESPONSE',
    publicKey: hex(32),
    signingKey: hex(32),
    host: 'relay.example:8443',
    clientNonce: hex(32),
    signedNonce: hex(64),
    encoding: 'binary',
    lastTerm: 3,
    token: 'a credential',
  },
  { type: 'MESSAGE', to: `${hex(31)}0f`, from: `${hex(31)}0e`, content: new Uint8Array(90) },
  { type: 'PING', id: 7 },
  { type: 'PONG', id: 2 ** 53 - 1 },
];
const relayFrames: readonly RelayFrame[] = [
  { type: 'CHALLENGE', version: 1, nonce: hex(32), serverKey: hex(32) },
  {
    type: 'REGISTER_SUCCESS',
    publicKey: hex(32),
    signature: hex(64),
    term: 1,
    limits: { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_388_608 },
    keepalive: 15,
  },
  { type: 'REGISTER_FAILURE', code: 4401, reason: 'no' },
  { type: 'MESSAGE', to: `${hex(31)}0f`, from: `${hex(31)}0e`, content: new Uint8Array(90) },
  { type: 'UNDELIVERABLE', to: hex(32), head: hex(25), code: 'congested' },
  { type: 'BACKLOG', to: hex(32) },
  { type: 'PEER_GONE', publicKey: hex(32) },
  { type: 'RESTARTING', reconnectIn: 100, spread: 5_000 },
  { type: 'ERROR', code: 4400, reason: 'bad frame' },
];
const lengths = {
  [KIND.open]: 1_505,
  [KIND.accept]: 1_409,
  [KIND.data]: 100,
  [KIND.control]: 70,
  [KIND.reset]: 88,
} as const;
const channelFrames = Object.entries(lengths).map(([kind, length]) => {
  const frame = new Uint8Array(length);
  frame[0] = Number(kind);
  return frame;
});

/** One decoder: valid inputs, what reads them, and, for what it takes, the way back. */
interface Target<I> {
  readonly name: string;
  readonly corpus: readonly I[];
  readonly mutate: (random: ReturnType<typeof seeded>, input: I, other: I) => I;
  /** Whether it took the input; throws if what it took does not survive being encoded and decoded again. */
  readonly decode: (input: I) => boolean;
}

const texts = (
  name: string,
  frames: readonly (ClientFrame | RelayFrame)[],
  decode: (text: string) => boolean,
): Target<string> => ({
  name,
  corpus: frames.map(encodeFrame),
  mutate: mutateText,
  decode,
});
const bytes = (
  name: string,
  corpus: readonly Uint8Array[],
  decode: (bytes: Uint8Array) => boolean,
): Target<Uint8Array> => ({
  name,
  corpus,
  mutate: mutateBytes,
  decode,
});

const binaryTargets: readonly Target<Uint8Array>[] = [
  bytes('MESSAGE', [encodeMessage(new Uint8Array(32).fill(7), new Uint8Array(50))], (input) => {
    const decoded = decodeMessage(input);
    if (decoded.ok) expect(encodeMessage(decoded.value.key, decoded.value.content)).toEqual(input);
    return decoded.ok;
  }),
  bytes('channel frames', channelFrames, (input) => {
    const frame = parse(input);
    if (frame !== null) expect(frame.channelId).toHaveLength(16);
    return frame !== null;
  }),
  bytes('CONTROL', [encodeControl({ type: 3, next: 5, limit: 70_000, id: 9 })], (input) => {
    const control = decodeControl(input);
    if (control !== null) expect(encodeControl(control)).toEqual(input);
    return control !== null;
  }),
  bytes(
    'DATA',
    [
      encodeData(OPCODE.text, true, new Uint8Array(20).fill(65), 'padme'),
      encodeData(OPCODE.close, true, encodeClose({ code: 1000, reason: 'bye' }), 'none'),
      encodeData(OPCODE.rekey, true, new Uint8Array(32), 'padme'),
    ],
    (input) => {
      const decoded = decodeData(input);
      if (decoded.ok) {
        const { opcode, fin, bytes: content } = decoded.value;
        expect(encodeData(opcode, fin, content, 'none')).toEqual(input.subarray(0, 5 + content.length));
      } else expect(decoded.failure.code).toBe('protocol-error');
      return decoded.ok;
    },
  ),
  bytes('close', [encodeClose({ code: 1000, reason: 'bye' }), encodeClose({ code: 4999, reason: 'ü' })], (input) => {
    const decoded = decodeClose(input);
    if (decoded.ok) expect(encodeClose(decoded.value)).toEqual(input);
    return decoded.ok;
  }),
  bytes('payload of OPEN', [encodePayload({ resource: '/room', protocols: ['a', 'b'], limit: 65_536 })], (input) => {
    const payload = decodeOpenPayload(input);
    if (payload !== null) expect(payload.limit).toBeGreaterThanOrEqual(65_536);
    return payload !== null;
  }),
  bytes('payload of ACCEPT', [encodePayload({ protocol: 'a', limit: 65_536 })], (input) => {
    const payload = decodeAcceptPayload(input);
    if (payload !== null) expect(payload.limit).toBeGreaterThanOrEqual(65_536);
    return payload !== null;
  }),
];
const textTargets: readonly Target<string>[] = [
  texts('client frames', clientFrames, (input) => {
    const decoded = decodeClientFrame(input);
    if (decoded.ok) expect(decodeClientFrame(encodeFrame(decoded.value))).toEqual(decoded);
    else expect(decoded.failure.code).toBe('bad-frame');
    return decoded.ok;
  }),
  texts('relay frames', relayFrames, (input) => {
    const decoded = decodeRelayFrame(input);
    if (!decoded.ok) expect(decoded.failure.code).toBe('bad-frame');
    else if (decoded.value.type !== 'UNKNOWN') expect(decodeRelayFrame(encodeFrame(decoded.value))).toEqual(decoded);
    return decoded.ok;
  }),
];

/** Whether the target both takes and refuses: a corpus of which nothing is taken shows nothing. */
function fuzz<I>({ name, corpus, mutate, decode }: Target<I>): void {
  const random = seeded(SEED);
  for (const input of corpus) if (!decode(input)) throw new Error(`${name}: the corpus is not valid`);
  const before = heapBytes();
  let taken = 0;
  for (let i = 0; i < INPUTS; i++) {
    const input = mutate(random, random.pick(corpus), random.pick(corpus));
    try {
      if (decode(input)) taken++;
    } catch (cause) {
      const shown = typeof input === 'string' ? input : Buffer.from(input as Uint8Array).toString('hex');
      throw new Error(`${name}: input ${i} of seed ${SEED}: ${shown}`, { cause });
    }
  }
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(INPUTS);
  expect(heapBytes() - before).toBeLessThan(HEAP_SLACK_BYTES);
}

for (const target of binaryTargets)
  test(`${target.name}: no input throws, hangs or leaks memory`, { timeout: 600_000 }, () => fuzz(target));
for (const target of textTargets)
  test(`${target.name}: no input throws, hangs or leaks memory`, { timeout: 600_000 }, () => fuzz(target));
