import { readAddress } from '@sws/crypto';
import { decodeBase64url } from './base64url.js';

/** A JSON object whose fields are yet to be checked. */
export type Fields = Readonly<Record<string, unknown>>;

/** The checks of one field each: the value if it is as it must be, else `undefined`. */
export const field = {
  hex: (value: unknown, bytes: number): string | undefined =>
    typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value) ? value : undefined,
  hexUpTo: (value: unknown, bytes: number): string | undefined =>
    typeof value === 'string' && value.length <= 2 * bytes && value.length % 2 === 0 && /^[0-9a-f]*$/.test(value)
      ? value
      : undefined,
  address: (value: unknown): string | undefined =>
    typeof value === 'string' && readAddress(value) !== null ? value : undefined,
  text: (value: unknown, maxLength: number): string | undefined =>
    typeof value === 'string' && value.length <= maxLength ? value : undefined,
  integer: (value: unknown, max: number = Number.MAX_SAFE_INTEGER): number | undefined =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max ? (value as number) : undefined,
  oneOf: <T extends string>(value: unknown, allowed: readonly T[]): T | undefined =>
    allowed.find((one) => one === value),
  base64url: (value: unknown): Uint8Array | undefined =>
    typeof value === 'string' ? (decodeBase64url(value) ?? undefined) : undefined,
} as const;

/** The object that a JSON text is, or `null`. */
export function parseFields(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}
