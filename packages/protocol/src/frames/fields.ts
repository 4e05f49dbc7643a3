import { readAddress } from '@sws/crypto';
import { fail, type Result, succeed } from '../result.js';
import { decodeBase64url } from './base64url.js';

/** The largest term. */
export const MAX_TERM = 2 ** 48;

/** A JSON object with unchecked fields. */
type Fields = Readonly<Record<string, unknown>>;

/** Returns the value of a valid field, `null` for an absent optional field, and otherwise `undefined`. */
export type Reader<T> = (value: unknown) => T | null | undefined;

/** The reader of each field of an object. Fields that are not in the shape are ignored. */
export type Shape<T> = { readonly [Name in keyof T]-?: Reader<T[Name]> };

/** The shape of each type of frame, without `type`. */
export type Shapes<Frame extends { readonly type: string }> = {
  readonly [Type in Frame['type']]: Shape<Omit<Extract<Frame, { readonly type: Type }>, 'type'>>;
};

/** A frame of an unknown type. Clients ignore it. */
export interface UnknownFrame {
  readonly type: 'UNKNOWN';
}

/** Reads lowercase hex digits of `bytes` bytes, or of `min` to `bytes`. */
export function hex(bytes: number, min = bytes): Reader<string> {
  return (value) =>
    typeof value === 'string' && value.length >= 2 * min && value.length <= 2 * bytes && /^([0-9a-f]{2})*$/.test(value)
      ? value
      : undefined;
}

export function text(maxCharacters = Number.POSITIVE_INFINITY): Reader<string> {
  return (value) => (typeof value === 'string' && value.length <= maxCharacters ? value : undefined);
}

export function integer(max: number = Number.MAX_SAFE_INTEGER, min = 0): Reader<number> {
  return (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
}

export function oneOf<T>(...allowed: readonly T[]): Reader<T> {
  return (value) => allowed.find((one) => one === value);
}

export function optional<T>(read: Reader<T>): Reader<T> {
  return (value) => (value === undefined ? null : read(value));
}

export function list<T>(read: Reader<T>): Reader<readonly T[]> {
  return (value) => (Array.isArray(value) && value.every((one) => read(one) !== undefined) ? value : undefined);
}

export function object<T>(shape: Shape<T>): Reader<T> {
  return (value) => {
    const read = {};
    return isObject(value) && readFields(value, shape, read) === null ? (read as T) : undefined;
  };
}

export const address: Reader<string> = (value) =>
  typeof value === 'string' && readAddress(value) !== null ? value : undefined;
const base64url: Reader<Uint8Array> = (value) =>
  typeof value === 'string' ? (decodeBase64url(value) ?? undefined) : undefined;

/** The frames that are sent in both directions. */
export const MESSAGE = { to: address, content: base64url, from: optional(address) };
export const PING = { id: integer() };

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Checks the fields of a shape and puts them `into` an object. Returns the name of the first invalid field, or `null`.
 */
function readFields<T>(fields: Fields, shape: Shape<T>, into: Record<string, unknown>): string | null {
  for (const name in shape) {
    const value = shape[name](fields[name]);
    if (value === undefined) return name;
    if (value !== null) into[name] = value;
  }
  return null;
}

/** Parses JSON; `undefined` if the text is not JSON. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Reads a text frame of one of these types. A failure is always `bad-frame` and names the field. */
export function decodeFrame<Frame extends { readonly type: string }>(
  json: string,
  shapes: Shapes<Frame>,
): Result<Frame | UnknownFrame> {
  const fields = parseJson(json);
  if (!isObject(fields)) return fail('bad-frame', 'not a JSON object');
  const type = fields.type as Frame['type'];
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return succeed({ type: 'UNKNOWN' });
  const frame = { type };
  const wrong = readFields(fields, shapes[type], frame);
  return wrong === null
    ? succeed(frame as Frame)
    : fail('bad-frame', `${type}: field ${wrong} is missing, malformed or not known`);
}
