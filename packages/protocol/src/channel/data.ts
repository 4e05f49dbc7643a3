import { fail, type Result, succeed } from '../result.js';
import { readU32 } from './channel-frame.js';
import { type Padding, paddedLength } from './padding.js';
import { Scratch } from './scratch.js';

/** The content of a DATA plaintext. Values follow RFC 6455 §5.2 where possible (PROTOCOL §4, DATA). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, rekey: 3, rekeyed: 4, close: 8 } as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];
/** Set on the last fragment of a message, and on every rekey, rekeyed and close. */
export const FIN = 0x80;
/** The most bytes of a fragment, and of whole messages in one DATA frame with the heads of all but the first. */
export const MAX_FRAGMENT_BYTES = 61_440;
/** The most messages in one DATA frame: what limits frames, as a relay does, then limits messages too. */
export const MAX_ITEMS = 16;
/** opcode (1) || length (4). */
export const ITEM_HEAD_BYTES = 5;
/** A fragment of this size needs no padding; one of `MAX_FRAGMENT_BYTES` needs 2 KiB. */
const FULL_FRAGMENT_BYTES = MAX_FRAGMENT_BYTES - ITEM_HEAD_BYTES;
const KNOWN = new Set<number>(Object.values(OPCODE));

/** What a DATA plaintext holds: a fragment, a whole message, or a rekey, rekeyed or close. */
export interface DataItem {
  readonly opcode: Opcode;
  readonly fin: boolean;
  readonly bytes: Uint8Array;
}

/** An item of a decoded DATA plaintext. `bytes` is a view of the decoded array. */
export interface DecodedItem extends DataItem {
  /** Where the next whole message begins; 0 after the last item. */
  readonly next: number;
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

/** Encodes one item into a new array. */
export function encodeData(opcode: Opcode, fin: boolean, bytes: Uint8Array, padding: Padding): Uint8Array {
  return encodeItems([{ opcode, fin, bytes }], padding);
}

/** Encodes `(opcode || length || bytes)* || zeros` in a new array, or in that of `scratch`. */
export function encodeItems(
  items: readonly DataItem[],
  padding: Padding,
  scratch: Scratch = new Scratch(),
): Uint8Array {
  const length = items.reduce((sum, { bytes }) => sum + ITEM_HEAD_BYTES + bytes.length, 0);
  const plaintext = scratch.view(paddedLength(length, padding));
  let at = 0;
  for (const { opcode, fin, bytes } of items) {
    const size = bytes.length;
    plaintext[at] = fin ? opcode | FIN : opcode;
    plaintext[at + 1] = size >>> 24;
    plaintext[at + 2] = size >>> 16;
    plaintext[at + 3] = size >>> 8;
    plaintext[at + 4] = size;
    plaintext.set(bytes, at + ITEM_HEAD_BYTES);
    at += ITEM_HEAD_BYTES + size;
  }
  plaintext.fill(0, at);
  return plaintext;
}

/**
 * Decodes the item at `at`, and checks what can be checked in one frame. A failure is always `protocol-error` (1002).
 */
export function decodeData(plaintext: Uint8Array, at = 0): Result<DecodedItem> {
  const first = plaintext[at];
  const start = at + ITEM_HEAD_BYTES;
  if (first === undefined || plaintext.length < start) {
    return fail('protocol-error', `DATA is under ${ITEM_HEAD_BYTES} bytes`);
  }
  const opcode = first & ~FIN;
  const fin = (first & FIN) !== 0;
  if (!KNOWN.has(opcode)) return fail('protocol-error', `unknown opcode ${opcode}`);
  const known = opcode as Opcode;
  const isWhole = fin && (known === OPCODE.text || known === OPCODE.binary);
  if (at > 0 && !isWhole) return fail('protocol-error', `opcode ${first} follows a message`);
  if (isChannelOpcode(known) && !fin) return fail('protocol-error', `opcode ${opcode} is fragmented`);
  const length = readU32(plaintext, at + 1);
  const end = start + length;
  if (end > plaintext.length) return fail('protocol-error', 'a DATA length is past the end');
  if (length === 0 && !fin) return fail('protocol-error', 'a fragment without FIN is empty');
  if (end > ITEM_HEAD_BYTES + MAX_FRAGMENT_BYTES)
    return fail('protocol-error', `a frame holds more than ${MAX_FRAGMENT_BYTES} bytes`);
  const next = isWhole && plaintext[end] ? end : 0;
  for (let i = end; next === 0 && i < plaintext.length; i++) {
    if (plaintext[i] !== 0) return fail('protocol-error', 'DATA padding is not zero');
  }
  return succeed({ opcode: known, fin, bytes: plaintext.subarray(start, end), next });
}
