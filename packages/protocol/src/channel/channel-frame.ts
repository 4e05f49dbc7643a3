import { MESSAGE_HEAD_BYTES } from '../frames/message.js';

/** The first byte of each kind of channel frame (PROTOCOL §4). */
export const KIND = { open: 1, accept: 2, data: 3, control: 4, reset: 5 } as const;
/** kind (1) || channelId (16). */
export const CHANNEL_HEAD_BYTES = 17;
export const TAG_BYTES = 16;
export const EK_BYTES = 1184;
export const CT_BYTES = 1088;
/** Payloads of OPEN and ACCEPT have at most this many bytes, padding included. */
export const MAX_PAYLOAD_BYTES = 4096;
const MIN_PAYLOAD_BYTES = 256;
/** type (1) || next (8) || limit (8) || id (8), and its tag. */
const CONTROL_BOX_BYTES = 25 + TAG_BYTES;
/** kind (1) || place (12) || tag (16): the name of a frame. */
export const FRAME_NAME_BYTES = 29;
/** code (2) || name, and its tag. */
const RESET_BOX_BYTES = 2 + FRAME_NAME_BYTES + TAG_BYTES;

/** The fields of every channel frame. Every array is a view of the frame. */
interface FrameParts {
  readonly channelId: Uint8Array;
  readonly box: Uint8Array;
}

export interface OpenFrame extends FrameParts {
  readonly kind: 'open';
  readonly ephemeral: Uint8Array;
  /** An ML-KEM-768 encapsulation key. */
  readonly kem: Uint8Array;
}

export interface AcceptFrame extends FrameParts {
  readonly kind: 'accept';
  readonly ephemeral: Uint8Array;
  /** An ML-KEM-768 ciphertext. */
  readonly kem: Uint8Array;
}

export interface DataFrame extends FrameParts {
  readonly kind: 'data';
  readonly seq: number;
}

export interface ControlFrame extends FrameParts {
  readonly kind: 'control';
  readonly epoch: number;
  readonly counter: number;
}

export interface ResetFrame extends FrameParts {
  readonly kind: 'reset';
  readonly nonce: Uint8Array;
}

/** A frame that a RESET may answer: any but a RESET. */
export type ProvokingFrame = OpenFrame | AcceptFrame | DataFrame | ControlFrame;
export type ChannelFrame = ProvokingFrame | ResetFrame;

/** Reads a u64 that must fit a safe integer; -1 if it does not. */
export function readU53(bytes: Uint8Array, offset: number): number {
  const high = readU32(bytes, offset);
  return high > 0x1fffff ? -1 : high * 0x1_0000_0000 + readU32(bytes, offset + 4);
}

/** Reads a u32, byte by byte, because creating a DataView costs more than the reading. */
export function readU32(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = offset; i < offset + 4; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}

/** Writes a safe integer as a u64. */
export function writeU53(bytes: Uint8Array, offset: number, value: number): void {
  let high = Math.floor(value / 0x1_0000_0000);
  let low = value >>> 0;
  for (let i = 3; i >= 0; i--) {
    bytes[offset + i] = high;
    bytes[offset + 4 + i] = low;
    high >>>= 8;
    low >>>= 8;
  }
}

/** Parses a channel frame; `null` for an unknown kind, a wrong length, or a number above 2^53 - 1. */
export function parseChannelFrame(content: Uint8Array): ChannelFrame | null {
  const length = content.length;
  if (length < CHANNEL_HEAD_BYTES) return null;
  const channelId = content.subarray(1, CHANNEL_HEAD_BYTES);
  switch (content[0]) {
    case KIND.open:
    case KIND.accept: {
      const kind = content[0] === KIND.open ? 'open' : 'accept';
      const boxAt = CHANNEL_HEAD_BYTES + 32 + (kind === 'open' ? EK_BYTES : CT_BYTES);
      if (length < boxAt + TAG_BYTES + MIN_PAYLOAD_BYTES || length > boxAt + TAG_BYTES + MAX_PAYLOAD_BYTES) return null;
      const ephemeral = content.subarray(CHANNEL_HEAD_BYTES, CHANNEL_HEAD_BYTES + 32);
      return {
        kind,
        channelId,
        ephemeral,
        kem: content.subarray(CHANNEL_HEAD_BYTES + 32, boxAt),
        box: content.subarray(boxAt),
      };
    }
    case KIND.data: {
      if (length < CHANNEL_HEAD_BYTES + 8 + TAG_BYTES) return null;
      const seq = readU53(content, CHANNEL_HEAD_BYTES);
      return seq < 0 ? null : { kind: 'data', channelId, seq, box: content.subarray(CHANNEL_HEAD_BYTES + 8) };
    }
    case KIND.control: {
      if (length !== CHANNEL_HEAD_BYTES + 12 + CONTROL_BOX_BYTES) return null;
      const counter = readU53(content, CHANNEL_HEAD_BYTES + 4);
      const epoch = readU32(content, CHANNEL_HEAD_BYTES);
      return counter < 0
        ? null
        : { kind: 'control', channelId, epoch, counter, box: content.subarray(CHANNEL_HEAD_BYTES + 12) };
    }
    case KIND.reset: {
      if (length !== CHANNEL_HEAD_BYTES + 24 + RESET_BOX_BYTES) return null;
      const nonce = content.subarray(CHANNEL_HEAD_BYTES, CHANNEL_HEAD_BYTES + 24);
      return { kind: 'reset', channelId, nonce, box: content.subarray(CHANNEL_HEAD_BYTES + 24) };
    }
    default:
      return null;
  }
}

/**
 * A binary MESSAGE to `peer` with room for a channel frame of `contentBytes`. Its kind and channelId are written
 * already. Sealing writes directly into it, so that a frame is never copied. `spare` is returned if it has the right
 * length: an earlier MESSAGE of this kind and channel.
 */
export function newMessage(
  peer: Uint8Array,
  kind: number,
  channelId: Uint8Array,
  contentBytes: number,
  spare?: Uint8Array,
): Uint8Array {
  const length = MESSAGE_HEAD_BYTES + contentBytes;
  if (spare?.length === length) return spare;
  const message = new Uint8Array(length);
  message[0] = 1;
  message.set(peer, 1);
  message[MESSAGE_HEAD_BYTES] = kind;
  message.set(channelId, MESSAGE_HEAD_BYTES + 1);
  return message;
}

/** The channel frame inside a binary MESSAGE, as a view. */
export function contentOf(message: Uint8Array): Uint8Array {
  return message.subarray(MESSAGE_HEAD_BYTES);
}
