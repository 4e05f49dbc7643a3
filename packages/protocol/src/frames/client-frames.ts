import { fail, type Result, succeed } from '../result.js';
import { encodeUtf8 } from '../utf8.js';
import { type Fields, field, parseFields } from './fields.js';

/** What a client wants to receive: binary MESSAGEs or JSON ones. */
export type Encoding = 'binary' | 'json';
/** A token has at most this many bytes of UTF-8. */
export const MAX_TOKEN_BYTES = 1024;
/** No term is above this. */
export const MAX_TERM = 2 ** 48;
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
  readonly token?: string;
}

/** Either way: sealed content to or from a key, as JSON (PROTOCOL §3). */
export interface JsonMessage {
  readonly type: 'MESSAGE';
  readonly to: string;
  readonly from?: string;
  readonly content: Uint8Array;
}

/** Either way: is the connection alive? */
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

/** Checks `fields[name]`; collects the first that is missing or malformed. */
export function bad(type: string, name: string): ReturnType<typeof fail> {
  return fail('bad-frame', `${type}: field ${name} is missing or malformed`);
}

/** Reads a text frame from a client. A failure is always `bad-frame` (4400) and names the field. */
export function decodeClientFrame(text: string): Result<ClientFrame> {
  const fields = parseFields(text);
  if (fields === null) return fail('bad-frame', 'not a JSON object');
  switch (fields.type) {
    case 'CHALLENGE_RESPONSE':
      return decodeChallengeResponse(fields);
    case 'MESSAGE':
      return decodeJsonMessage(fields);
    case 'PING':
    case 'PONG':
      return decodePing(fields, fields.type);
    default:
      return fail('bad-frame', 'unknown type');
  }
}

function decodeChallengeResponse(fields: Fields): Result<ChallengeResponse> {
  const type = 'CHALLENGE_RESPONSE';
  const publicKey = field.hex(fields.publicKey, 32);
  if (publicKey === undefined) return bad(type, 'publicKey');
  const signingKey = field.hex(fields.signingKey, 32);
  if (signingKey === undefined) return bad(type, 'signingKey');
  const host = field.text(fields.host, MAX_HOST_BYTES);
  if (host === undefined || host === '' || encodeUtf8(host).length > MAX_HOST_BYTES) return bad(type, 'host');
  const clientNonce = field.hex(fields.clientNonce, 32);
  if (clientNonce === undefined) return bad(type, 'clientNonce');
  const signedNonce = field.hex(fields.signedNonce, 64);
  if (signedNonce === undefined) return bad(type, 'signedNonce');
  const encoding = field.oneOf(fields.encoding, ['binary', 'json']);
  if (encoding === undefined) return bad(type, 'encoding');
  const lastTerm = field.integer(fields.lastTerm, MAX_TERM);
  if (lastTerm === undefined) return bad(type, 'lastTerm');
  const proof = { type, publicKey, signingKey, host, clientNonce, signedNonce, encoding, lastTerm } as const;
  if (fields.token === undefined) return succeed(proof);
  const token = field.text(fields.token, MAX_TOKEN_BYTES);
  return token === undefined || encodeUtf8(token).length > MAX_TOKEN_BYTES
    ? bad(type, 'token')
    : succeed({ ...proof, token });
}

export function decodeJsonMessage(fields: Fields): Result<JsonMessage> {
  const to = field.address(fields.to);
  if (to === undefined) return bad('MESSAGE', 'to');
  const content = field.base64url(fields.content);
  if (content === undefined) return bad('MESSAGE', 'content');
  if (fields.from === undefined) return succeed({ type: 'MESSAGE', to, content });
  const from = field.address(fields.from);
  return from === undefined ? bad('MESSAGE', 'from') : succeed({ type: 'MESSAGE', to, from, content });
}

export function decodePing(fields: Fields, type: 'PING' | 'PONG'): Result<Ping | Pong> {
  const id = field.integer(fields.id);
  return id === undefined ? bad(type, 'id') : succeed({ type, id });
}
