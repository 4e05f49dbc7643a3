import { UNDELIVERABLE_CODES, type UndeliverableCode } from '../failures.js';
import { fail, type Result, succeed } from '../result.js';
import { encodeBase64url } from './base64url.js';
import {
  bad,
  type ClientFrame,
  decodeJsonMessage,
  decodePing,
  type JsonMessage,
  MAX_TERM,
  type Ping,
  type Pong,
} from './client-frames.js';
import { type Fields, field, parseFields } from './fields.js';
import { UNDELIVERABLE_HEAD_BYTES } from './message.js';

/** Relay, at once on open: prove your key (PROTOCOL §2). */
export interface Challenge {
  readonly type: 'CHALLENGE';
  readonly version: 1;
  readonly nonce: string;
  readonly serverKey: string;
}

/** What the relay allows one connection; bytes and messages count what the client sends. */
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

/** Relay to sender: a MESSAGE could not be delivered; `head` is its content's first 25 bytes, in hex. A hint. */
export interface Undeliverable {
  readonly type: 'UNDELIVERABLE';
  readonly to: string;
  readonly head: string;
  readonly code: UndeliverableCode;
}

/** Relay to client: a key that exchanged MESSAGEs with you is no longer connected. A hint. */
export interface PeerGone {
  readonly type: 'PEER_GONE';
  readonly publicKey: string;
}

/** Relay to client: come back after reconnectIn + random(0..spread) milliseconds. */
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
  | PeerGone
  | Ping
  | Pong
  | Restarting
  | ErrorFrame;

/** A type that this version does not know: clients ignore it. */
export interface UnknownFrame {
  readonly type: 'UNKNOWN';
}

const MAX_REASON_CHARACTERS = 1024;
const MAX_DELAY_MS = 2 ** 31;

/** The text of a frame. */
export function encodeFrame(frame: ClientFrame | RelayFrame): string {
  return JSON.stringify(frame.type === 'MESSAGE' ? { ...frame, content: encodeBase64url(frame.content) } : frame);
}

/** Reads a text frame from a relay. A failure is always `bad-frame` and names the field. */
export function decodeRelayFrame(text: string): Result<RelayFrame | UnknownFrame> {
  const fields = parseFields(text);
  if (fields === null) return fail('bad-frame', 'not a JSON object');
  switch (fields.type) {
    case 'CHALLENGE':
      return decodeChallenge(fields);
    case 'REGISTER_SUCCESS':
      return decodeRegisterSuccess(fields);
    case 'REGISTER_FAILURE':
    case 'ERROR':
      return decodeError(fields, fields.type);
    case 'MESSAGE':
      return decodeJsonMessage(fields);
    case 'UNDELIVERABLE':
      return decodeUndeliverable(fields);
    case 'PEER_GONE': {
      const publicKey = field.hex(fields.publicKey, 32);
      return publicKey === undefined ? bad('PEER_GONE', 'publicKey') : succeed({ type: 'PEER_GONE', publicKey });
    }
    case 'PING':
    case 'PONG':
      return decodePing(fields, fields.type);
    case 'RESTARTING': {
      const reconnectIn = field.integer(fields.reconnectIn, MAX_DELAY_MS);
      if (reconnectIn === undefined) return bad('RESTARTING', 'reconnectIn');
      const spread = field.integer(fields.spread, MAX_DELAY_MS);
      return spread === undefined ? bad('RESTARTING', 'spread') : succeed({ type: 'RESTARTING', reconnectIn, spread });
    }
    default:
      return succeed({ type: 'UNKNOWN' });
  }
}

function decodeChallenge(fields: Fields): Result<Challenge> {
  if (fields.version !== 1) return fail('bad-frame', 'CHALLENGE: only version 1 is known');
  const nonce = field.hex(fields.nonce, 32);
  if (nonce === undefined) return bad('CHALLENGE', 'nonce');
  const serverKey = field.hex(fields.serverKey, 32);
  return serverKey === undefined
    ? bad('CHALLENGE', 'serverKey')
    : succeed({ type: 'CHALLENGE', version: 1, nonce, serverKey });
}

function decodeRegisterSuccess(fields: Fields): Result<RegisterSuccess> {
  const type = 'REGISTER_SUCCESS';
  const publicKey = field.hex(fields.publicKey, 32);
  if (publicKey === undefined) return bad(type, 'publicKey');
  const signature = field.hex(fields.signature, 64);
  if (signature === undefined) return bad(type, 'signature');
  const term = field.integer(fields.term, MAX_TERM);
  if (term === undefined) return bad(type, 'term');
  const keepalive = field.integer(fields.keepalive);
  if (keepalive === undefined) return bad(type, 'keepalive');
  if (typeof fields.limits !== 'object' || fields.limits === null) return bad(type, 'limits');
  const limits = fields.limits as Fields;
  const maxMessage = field.integer(limits.maxMessage);
  const messagesPerSecond = field.integer(limits.messagesPerSecond);
  const bytesPerSecond = field.integer(limits.bytesPerSecond);
  if (maxMessage === undefined || messagesPerSecond === undefined || bytesPerSecond === undefined)
    return bad(type, 'limits');
  return succeed({
    type,
    publicKey,
    signature,
    term,
    limits: { maxMessage, messagesPerSecond, bytesPerSecond },
    keepalive,
  });
}

function decodeError(fields: Fields, type: 'REGISTER_FAILURE' | 'ERROR'): Result<RegisterFailure | ErrorFrame> {
  const code = field.integer(fields.code, 4999);
  if (code === undefined) return bad(type, 'code');
  const reason = field.text(fields.reason, MAX_REASON_CHARACTERS);
  return reason === undefined ? bad(type, 'reason') : succeed({ type, code, reason });
}

function decodeUndeliverable(fields: Fields): Result<Undeliverable> {
  const to = field.hex(fields.to, 32);
  if (to === undefined) return bad('UNDELIVERABLE', 'to');
  const head = field.hexUpTo(fields.head, UNDELIVERABLE_HEAD_BYTES);
  if (head === undefined) return bad('UNDELIVERABLE', 'head');
  const code = field.oneOf(fields.code, UNDELIVERABLE_CODES);
  return code === undefined ? bad('UNDELIVERABLE', 'code') : succeed({ type: 'UNDELIVERABLE', to, head, code });
}
