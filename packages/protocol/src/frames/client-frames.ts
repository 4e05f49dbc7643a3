import { fail, type Result, succeed } from '../result.js';
import { encodeUtf8 } from '../utf8.js';
import {
  decodeFrame,
  hex,
  integer,
  MAX_TERM,
  MESSAGE,
  oneOf,
  optional,
  PING,
  type Reader,
  type Shapes,
} from './fields.js';

/** The encoding of MESSAGEs that a client wants to receive. */
export type Encoding = 'binary' | 'json';
/** The longest token, in bytes of UTF-8. */
export const MAX_TOKEN_BYTES = 1024;
export const MAX_HOST_BYTES = 255;

/** Client: the proof of a key (PROTOCOL §2). */
export interface ChallengeResponse {
  readonly type: 'CHALLENGE_RESPONSE';
  readonly publicKey: string;
  readonly signingKey: string;
  readonly host: string;
  readonly clientNonce: string;
  readonly signedNonce: string;
  readonly encoding: Encoding;
  readonly lastTerm: number;
  readonly token?: string | undefined;
}

/** In both directions: sealed content to or from a key, as JSON (PROTOCOL §3). */
export interface JsonMessage {
  readonly type: 'MESSAGE';
  readonly to: string;
  readonly from?: string;
  readonly content: Uint8Array;
}

/** In both directions: asks whether the connection is alive. */
export interface Ping {
  readonly type: 'PING';
  readonly id: number;
}

/** The answer to PING, with its id. */
export interface Pong {
  readonly type: 'PONG';
  readonly id: number;
}

export type ClientFrame = ChallengeResponse | JsonMessage | Ping | Pong;

/** A string of `min` to `max` bytes of UTF-8. */
function utf8(max: number, min = 0): Reader<string> {
  // A character is at least one byte. Do not encode a text that has too many characters.
  return (value) =>
    typeof value === 'string' && value.length >= min && value.length <= max && encodeUtf8(value).length <= max
      ? value
      : undefined;
}

const CLIENT_FRAMES: Shapes<ClientFrame> = {
  CHALLENGE_RESPONSE: {
    publicKey: hex(32),
    signingKey: hex(32),
    host: utf8(MAX_HOST_BYTES, 1),
    clientNonce: hex(32),
    signedNonce: hex(64),
    encoding: oneOf('binary', 'json'),
    lastTerm: integer(MAX_TERM),
    token: optional(utf8(MAX_TOKEN_BYTES)),
  },
  MESSAGE,
  PING,
  PONG: PING,
};

/** Reads a text frame from a client. A failure is always `bad-frame` (4400) and names the field. */
export function decodeClientFrame(json: string): Result<ClientFrame> {
  const decoded = decodeFrame(json, CLIENT_FRAMES);
  if (!decoded.ok) return decoded;
  const frame = decoded.value;
  return frame.type === 'UNKNOWN' ? fail('bad-frame', 'unknown type') : succeed(frame);
}
