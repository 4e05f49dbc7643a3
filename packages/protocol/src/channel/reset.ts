import { type CryptoProvider, concatBytes } from '@sws/crypto';
import { encodeUtf8 } from '../utf8.js';
import { CHANNEL_HEAD_BYTES, contentOf, KIND, newMessage, TAG_BYTES } from './channel-frame.js';

/** Why an end refuses a frame (PROTOCOL §4, RESET). */
export const RESET_CODE = { unknownChannel: 1, refused: 2, overLimits: 3 } as const;
export type ResetCode = (typeof RESET_CODE)[keyof typeof RESET_CODE];
const SALT = encodeUtf8('sws/1 reset');
const PLAINTEXT_BYTES = 34;
export const ECHO_BYTES = 32;

/** The first half of SHA-512 of the frame that provoked a RESET: the relay can't mint one to keep for later. */
export function echoOf(provider: CryptoProvider, content: Uint8Array): Uint8Array {
  return provider.sha512(content).subarray(0, ECHO_BYTES);
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

/** A RESET that answers `provoking`: the whole binary MESSAGE from `self` to `peer`. `nonce` is 24 random bytes. */
export function sealReset(
  provider: CryptoProvider,
  keys: ResetKeys,
  channelId: Uint8Array,
  code: ResetCode,
  provoking: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const plaintext = new Uint8Array(PLAINTEXT_BYTES);
  plaintext[1] = code;
  plaintext.set(echoOf(provider, provoking), 2);
  const message = newMessage(keys.peer, KIND.reset, channelId, CHANNEL_HEAD_BYTES + 24 + PLAINTEXT_BYTES + TAG_BYTES);
  const content = contentOf(message);
  content.set(nonce, CHANNEL_HEAD_BYTES);
  const key = resetKey(provider, keys.sharedStatic, keys.self, keys.peer, channelId);
  provider.secretboxSeal(key, nonce, plaintext, content.subarray(CHANNEL_HEAD_BYTES + 24));
  return message;
}

/** Opens a RESET from `peer`; `null` if it does not open or its code is unknown. Whether its echo counts is the channel's to say. */
export function openReset(
  provider: CryptoProvider,
  keys: ResetKeys,
  frame: { readonly channelId: Uint8Array; readonly nonce: Uint8Array; readonly box: Uint8Array },
): { code: ResetCode; echo: Uint8Array } | null {
  const key = resetKey(provider, keys.sharedStatic, keys.peer, keys.self, frame.channelId);
  const plaintext = provider.secretboxOpen(key, frame.nonce, frame.box);
  if (plaintext === null || plaintext.length !== PLAINTEXT_BYTES || plaintext[0] !== 0) return null;
  const code = plaintext[1];
  return code === 1 || code === 2 || code === 3 ? { code, echo: plaintext.subarray(2) } : null;
}
