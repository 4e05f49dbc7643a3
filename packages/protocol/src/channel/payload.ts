import { integer, list, object, parseJson, type Shape, text } from '../frames/fields.js';
import { SwsError } from '../sws-error.js';
import { decodeUtf8, encodeUtf8 } from '../utf8.js';
import { MAX_PAYLOAD_BYTES } from './channel-frame.js';
import { areSubprotocols, isResource } from './offer-syntax.js';
import { padme } from './padding.js';

/** The smallest first credit that either end may grant. */
export const MIN_WINDOW_BYTES = 65_536;

/** The payload of OPEN, sealed to the responder. It can be replayed: put no secrets in it (PROTOCOL §4). */
export interface OpenPayload {
  readonly resource: string;
  readonly protocols: readonly string[];
  readonly limit: number;
}

/** The payload of ACCEPT. `protocol` is empty if none was chosen. */
export interface AcceptPayload {
  readonly protocol: string;
  readonly limit: number;
}

/** @throws SwsError `invalid-offer` for an offer that a responder would refuse */
export function checkOffer({ resource, protocols }: Pick<OpenPayload, 'resource' | 'protocols'>): void {
  if (!isResource(resource))
    throw new SwsError('invalid-offer', 'resource must be a path and query that begin with one /, percent-encoded');
  if (!areSubprotocols(protocols))
    throw new SwsError('invalid-offer', 'protocols must be different tokens (RFC 6455 §4.1)');
}

/**
 * JSON, padded with spaces to max(256, Padmé(n)). @throws SwsError `invalid-offer` if resource and protocols are too
 * long
 */
export function encodePayload(payload: OpenPayload | AcceptPayload): Uint8Array {
  const json = encodeUtf8(JSON.stringify(payload));
  const length = Math.max(256, padme(json.length));
  if (length > MAX_PAYLOAD_BYTES) {
    throw new SwsError('invalid-offer', `resource and protocols must have at most ${MAX_PAYLOAD_BYTES} bytes, padded`);
  }
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(json);
  return bytes;
}

const limit = integer(Number.MAX_SAFE_INTEGER, MIN_WINDOW_BYTES);
const OPEN: Shape<OpenPayload> = { resource: text(), protocols: list(text()), limit };
const ACCEPT: Shape<AcceptPayload> = { protocol: text(), limit };

function decode<T>(bytes: Uint8Array, shape: Shape<T>): T | null {
  return object(shape)(parseJson(decodeUtf8(bytes) ?? '')) ?? null;
}

/** `null` for anything that is not a well-formed OPEN payload with a usable first credit. */
export function decodeOpenPayload(bytes: Uint8Array): OpenPayload | null {
  const payload = decode(bytes, OPEN);
  return payload !== null && isResource(payload.resource) && areSubprotocols(payload.protocols) ? payload : null;
}

/** `null` for anything that is not a well-formed ACCEPT payload with a usable first credit. */
export function decodeAcceptPayload(bytes: Uint8Array): AcceptPayload | null {
  const payload = decode(bytes, ACCEPT);
  return payload !== null && (payload.protocol === '' || areSubprotocols([payload.protocol])) ? payload : null;
}
