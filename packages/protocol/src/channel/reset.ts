import { type CryptoProvider, concatBytes, equalBytes } from '@sws/crypto';
import { encodeUtf8 } from '../utf8.js';
import {
  CHANNEL_HEAD_BYTES,
  contentOf,
  FRAME_NAME_BYTES,
  KIND,
  newMessage,
  type ProvokingFrame,
  parseChannelFrame,
  type ResetFrame,
  readU53,
  TAG_BYTES,
  writeU53,
} from './channel-frame.js';
import { erase } from './channel-keys.js';

/** Why an end refuses a frame (PROTOCOL §4, RESET). */
export const RESET_CODE = { unknownChannel: 1, refused: 2, overLimits: 3 } as const;
export type ResetCode = (typeof RESET_CODE)[keyof typeof RESET_CODE];
const SALT = encodeUtf8('sws/1 reset');
const PLAINTEXT_BYTES = 2 + FRAME_NAME_BYTES;
const PLACE_BYTES = 12;

/**
 * The name of the frame that provoked a RESET. The relay cannot create one to keep for later, or name a frame that is
 * not yet sealed.
 */
export interface FrameName {
  /** kind || seq and zeros, or epoch and counter, or zeros || the first 16 bytes of the box. */
  readonly bytes: Uint8Array;
  /** The seq of a DATA frame; otherwise -1. */
  readonly seq: number;
}

/** The 29 bytes that name a frame. */
export function nameOf(frame: ProvokingFrame): Uint8Array {
  const name = new Uint8Array(FRAME_NAME_BYTES);
  name[0] = KIND[frame.kind];
  if (frame.kind === 'data') writeU53(name, 1, frame.seq);
  else if (frame.kind === 'control') {
    new DataView(name.buffer).setUint32(1, frame.epoch);
    writeU53(name, 5, frame.counter);
  }
  name.set(frame.box.subarray(0, TAG_BYTES), 1 + PLACE_BYTES);
  return name;
}

/** Whether `name` names this frame of ours, which is given as a whole MESSAGE. */
export function isNamed(message: Uint8Array, { bytes }: FrameName): boolean {
  const frame = parseChannelFrame(contentOf(message));
  return frame !== null && frame.kind !== 'reset' && equalBytes(nameOf(frame), bytes);
}

function resetKey(
  provider: CryptoProvider,
  sharedStatic: Uint8Array,
  sender: Uint8Array,
  receiver: Uint8Array,
  channelId: Uint8Array,
): Uint8Array {
  return provider.hkdf(SALT, sharedStatic, concatBytes(sender, receiver, channelId), 32);
}

/** `sharedStatic` is DH of both static keys. */
export interface ResetKeys {
  readonly sharedStatic: Uint8Array;
  readonly self: Uint8Array;
  readonly peer: Uint8Array;
}

/**
 * Seals a RESET from `self` that answers `provoking`, a frame of `peer`, as a whole binary MESSAGE. `nonce` is 24
 * random bytes.
 */
export function sealReset(
  provider: CryptoProvider,
  keys: ResetKeys,
  provoking: ProvokingFrame,
  code: ResetCode,
  nonce: Uint8Array,
): Uint8Array {
  const { channelId } = provoking;
  const plaintext = new Uint8Array(PLAINTEXT_BYTES);
  plaintext[1] = code;
  plaintext.set(nameOf(provoking), 2);
  const message = newMessage(keys.peer, KIND.reset, channelId, CHANNEL_HEAD_BYTES + 24 + PLAINTEXT_BYTES + TAG_BYTES);
  const content = contentOf(message);
  content.set(nonce, CHANNEL_HEAD_BYTES);
  const key = resetKey(provider, keys.sharedStatic, keys.self, keys.peer, channelId);
  provider.secretboxSeal(key, nonce, plaintext, content.subarray(CHANNEL_HEAD_BYTES + 24));
  erase(key);
  return message;
}

/**
 * Opens a RESET from `peer`; `null` if it does not open or its code is unknown. The channel decides whether the named
 * frame is pending.
 */
export function openReset(
  provider: CryptoProvider,
  keys: ResetKeys,
  frame: ResetFrame,
): { code: ResetCode; name: FrameName } | null {
  const key = resetKey(provider, keys.sharedStatic, keys.peer, keys.self, frame.channelId);
  const plaintext = provider.secretboxOpen(key, frame.nonce, frame.box);
  erase(key);
  if (plaintext === null || plaintext.length !== PLAINTEXT_BYTES || plaintext[0] !== 0) return null;
  const code = plaintext[1];
  if (code !== 1 && code !== 2 && code !== 3) return null;
  const bytes = plaintext.slice(2);
  return { code, name: { bytes, seq: bytes[0] === KIND.data ? readU53(bytes, 1) : -1 } };
}
