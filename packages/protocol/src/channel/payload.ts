import { SwsError } from '@sws/crypto';
import { decodeUtf8, encodeUtf8 } from '../utf8.js';
import { MAX_PAYLOAD_BYTES } from './channel-frame.js';
import { padme } from './padding.js';

/** The smallest first credit that either end may grant. */
export const MIN_WINDOW_BYTES = 65_536;

/** What OPEN says, sealed to the responder. Replayable: put no secrets in it (PROTOCOL §4). */
export interface OpenPayload {
  readonly resource: string;
  readonly protocols: readonly string[];
  readonly limit: number;
}

/** What ACCEPT says. `protocol` is empty where none was chosen. */
export interface AcceptPayload {
  readonly protocol: string;
  readonly limit: number;
}

/** JSON followed by spaces to max(256, Padmé(n)); throws `payload-too-large` (the caller's resource and protocols are too long). */
export function encodePayload(payload: OpenPayload | AcceptPayload): Uint8Array {
  const json = encodeUtf8(JSON.stringify(payload));
  const length = Math.max(256, padme(json.length));
  if (length > MAX_PAYLOAD_BYTES) {
    throw new SwsError(
      'payload-too-large',
      `resource and protocols take ${json.length} bytes; ${MAX_PAYLOAD_BYTES} fit, padding included`,
    );
  }
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(json);
  return bytes;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> | null {
  const text = decodeUtf8(bytes);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const isLimit = (limit: unknown): limit is number =>
  Number.isSafeInteger(limit) && (limit as number) >= MIN_WINDOW_BYTES;

/** `null` for anything that is not a well-formed OPEN payload with a usable first credit. */
export function decodeOpenPayload(bytes: Uint8Array): OpenPayload | null {
  const value = parseObject(bytes);
  if (value === null) return null;
  const { resource, protocols, limit } = value;
  if (typeof resource !== 'string' || !isLimit(limit) || !Array.isArray(protocols)) return null;
  return protocols.every((name) => typeof name === 'string') ? { resource, protocols, limit } : null;
}

/** `null` for anything that is not a well-formed ACCEPT payload with a usable first credit. */
export function decodeAcceptPayload(bytes: Uint8Array): AcceptPayload | null {
  const value = parseObject(bytes);
  if (value === null) return null;
  const { protocol, limit } = value;
  return typeof protocol === 'string' && isLimit(limit) ? { protocol, limit } : null;
}
