import { encodeHex } from '@sws/crypto';
import { UNDELIVERABLE_CODES, type UndeliverableCode } from '../failures.js';
import type { Result } from '../result.js';
import { encodeBase64url } from './base64url.js';
import type { ClientFrame, JsonMessage, Ping, Pong } from './client-frames.js';
import {
  address,
  decodeFrame,
  hex,
  integer,
  MAX_TERM,
  MESSAGE,
  object,
  oneOf,
  PING,
  type Shapes,
  text,
  type UnknownFrame,
} from './fields.js';
import { UNDELIVERABLE_HEAD_BYTES } from './message.js';

/** Relay, at once after the connection opens: asks the client to prove its key (PROTOCOL §2). */
export interface Challenge {
  readonly type: 'CHALLENGE';
  readonly version: 1;
  readonly nonce: string;
  readonly serverKey: string;
}

/** The relay's limits for one connection. Bytes and messages are those that the client sends. */
export interface Limits {
  readonly maxMessage: number;
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Relay: the key is registered. `keepalive` is in seconds. */
export interface RegisterSuccess {
  readonly type: 'REGISTER_SUCCESS';
  readonly publicKey: string;
  readonly signature: string;
  readonly term: number;
  readonly limits: Limits;
  readonly keepalive: number;
}

/** Relay, then close: the key is not registered. `code` is the close code. */
export interface RegisterFailure {
  readonly type: 'REGISTER_FAILURE';
  readonly code: number;
  readonly reason: string;
}

/** Relay to sender, a hint: a MESSAGE could not be delivered. `head` is the first 25 bytes of its content, in hex. */
export interface Undeliverable {
  readonly type: 'UNDELIVERABLE';
  readonly to: string;
  readonly head: string;
  readonly code: UndeliverableCode;
}

/** Relay to sender, a hint: many of its bytes wait for this receiver, and soon there is no room for more. */
export interface Backlog {
  readonly type: 'BACKLOG';
  readonly to: string;
}

/** Relay to client, a hint: a key that exchanged MESSAGEs with the client is no longer connected. */
export interface PeerGone {
  readonly type: 'PEER_GONE';
  readonly publicKey: string;
}

/** Relay to client: reconnect after reconnectIn + random(0..spread) milliseconds. */
export interface Restarting {
  readonly type: 'RESTARTING';
  readonly reconnectIn: number;
  readonly spread: number;
}

/** Relay, then close. `code` is the close code. */
export interface ErrorFrame {
  readonly type: 'ERROR';
  readonly code: number;
  readonly reason: string;
}

export type RelayFrame =
  | Challenge
  | RegisterSuccess
  | RegisterFailure
  | JsonMessage
  | Undeliverable
  | Backlog
  | PeerGone
  | Ping
  | Pong
  | Restarting
  | ErrorFrame;

const MAX_DELAY_MS = 2 ** 31;
const REFUSAL = { code: integer(4999), reason: text(1024) };

const RELAY_FRAMES: Shapes<RelayFrame> = {
  CHALLENGE: { version: oneOf(1), nonce: hex(32), serverKey: hex(32) },
  REGISTER_SUCCESS: {
    publicKey: hex(32),
    signature: hex(64),
    term: integer(MAX_TERM, 1),
    limits: object({ maxMessage: integer(), messagesPerSecond: integer(), bytesPerSecond: integer() }),
    keepalive: integer(),
  },
  REGISTER_FAILURE: REFUSAL,
  MESSAGE: { ...MESSAGE, from: address },
  UNDELIVERABLE: { to: hex(32), head: hex(UNDELIVERABLE_HEAD_BYTES, 0), code: oneOf(...UNDELIVERABLE_CODES) },
  BACKLOG: { to: hex(32) },
  PEER_GONE: { publicKey: hex(32) },
  PING,
  PONG: PING,
  RESTARTING: { reconnectIn: integer(MAX_DELAY_MS), spread: integer(MAX_DELAY_MS) },
  ERROR: REFUSAL,
};

/** The text of a frame. */
export function encodeFrame(frame: ClientFrame | RelayFrame): string {
  return JSON.stringify(frame.type === 'MESSAGE' ? { ...frame, content: encodeBase64url(frame.content) } : frame);
}

/** Reads a text frame from a relay. A failure is always `bad-frame` and names the field. */
export function decodeRelayFrame(json: string): Result<RelayFrame | UnknownFrame> {
  return decodeFrame(json, RELAY_FRAMES);
}

/** The UNDELIVERABLE for a MESSAGE. `to` is the receiver's 32 bytes. */
export function undeliverable(to: Uint8Array, content: Uint8Array, code: UndeliverableCode): Undeliverable {
  return {
    type: 'UNDELIVERABLE',
    to: encodeHex(to),
    head: encodeHex(content.subarray(0, UNDELIVERABLE_HEAD_BYTES)),
    code,
  };
}
