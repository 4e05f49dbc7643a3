import { fail, type Result, succeed } from '../result.js';
import { readU32 } from './channel-frame.js';
import { type Padding, paddedLength } from './padding.js';
import { Scratch } from './scratch.js';

/** The content of a DATA plaintext. Values follow RFC 6455 §5.2 where possible (PROTOCOL §4, DATA). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, rekey: 3, rekeyed: 4, close: 8 } as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];
/** Set on the last fragment of a message, and on every rekey, rekeyed and close. */
export const FIN = 0x80;
/** The most application bytes in one DATA frame. */
export const MAX_FRAGMENT_BYTES = 61_440;
/** opcode (1) || length (4). */
const HEAD_BYTES = 5;
/** A fragment of this size needs no padding; one of `MAX_FRAGMENT_BYTES` needs 2 KiB. */
const FULL_FRAGMENT_BYTES = MAX_FRAGMENT_BYTES - HEAD_BYTES;
const KNOWN = new Set<number>(Object.values(OPCODE));

/** A decoded DATA plaintext. `bytes` is a view of the decoded array. */
export interface DataPlaintext {
  readonly opcode: Opcode;
  readonly fin: boolean;
  readonly bytes: Uint8Array;
}

/** Whether an opcode belongs to the channel itself. Such frames are never fragmented, charged or held back. */
export function isChannelOpcode(opcode: Opcode): boolean {
  return opcode === OPCODE.rekey || opcode === OPCODE.rekeyed || opcode === OPCODE.close;
}

/** How many of a message's remaining `bytes` go into the next frame. It avoids padding if that takes no more frames. */
export function fragmentLength(bytes: number): number {
  const frames = Math.ceil(bytes / MAX_FRAGMENT_BYTES);
  return Math.min(bytes, bytes <= frames * FULL_FRAGMENT_BYTES ? FULL_FRAGMENT_BYTES : MAX_FRAGMENT_BYTES);
}

/** The length of the DATA plaintext that carries `bytes` application bytes. */
export function paddedDataLength(bytes: number, padding: Padding): number {
  return paddedLength(HEAD_BYTES + bytes, padding);
}

/** Encodes `opcode || length || bytes || zeros`. `bytes` is copied into a new array, or into that of `scratch`. */
export function encodeData(
  opcode: Opcode,
  fin: boolean,
  bytes: Uint8Array,
  padding: Padding,
  scratch: Scratch = new Scratch(),
): Uint8Array {
  const plaintext = scratch.view(paddedDataLength(bytes.length, padding));
  plaintext[0] = fin ? opcode | FIN : opcode;
  const { length } = bytes;
  plaintext[1] = length >>> 24;
  plaintext[2] = length >>> 16;
  plaintext[3] = length >>> 8;
  plaintext[4] = length;
  plaintext.set(bytes, HEAD_BYTES);
  plaintext.fill(0, HEAD_BYTES + length);
  return plaintext;
}

/**
 * Decodes a DATA plaintext, and checks what can be checked in one frame. A failure is always `protocol-error` (1002).
 */
export function decodeData(plaintext: Uint8Array): Result<DataPlaintext> {
  const first = plaintext[0];
  if (first === undefined || plaintext.length < HEAD_BYTES) {
    return fail('protocol-error', `DATA is under ${HEAD_BYTES} bytes`);
  }
  const opcode = first & ~FIN;
  const fin = (first & FIN) !== 0;
  if (!KNOWN.has(opcode)) return fail('protocol-error', `unknown opcode ${opcode}`);
  const known = opcode as Opcode;
  if (isChannelOpcode(known) && !fin) return fail('protocol-error', `opcode ${opcode} is fragmented`);
  const length = readU32(plaintext, 1);
  const end = HEAD_BYTES + length;
  if (end > plaintext.length) return fail('protocol-error', 'a DATA length is past the end');
  if (length === 0 && !fin) return fail('protocol-error', 'a fragment without FIN is empty');
  if (length > MAX_FRAGMENT_BYTES) return fail('protocol-error', `a fragment is over ${MAX_FRAGMENT_BYTES} bytes`);
  for (let i = end; i < plaintext.length; i++) {
    if (plaintext[i] !== 0) return fail('protocol-error', 'DATA padding is not zero');
  }
  return succeed({ opcode: known, fin, bytes: plaintext.subarray(HEAD_BYTES, end) });
}
