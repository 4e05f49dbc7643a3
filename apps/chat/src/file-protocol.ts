import { decodeHex } from '@sws/crypto';

/**
 * The subprotocol of one file. Who wants a file opens a channel whose resource names it and the offset to go on from,
 * which is what its disk holds. The other end answers with the bytes from there as binary messages; the receiver tells,
 * in text, how much of it is on its disk. So a receiver's disk sets the pace, both ends see true progress, and a
 * transfer goes on after whatever broke it.
 */
export const FILE_PROTOCOL = 'sws.chat.file.v1';
/** Bytes of one binary message. */
export const CHUNK_BYTES = 262_144;
/** The most that is under way beyond what the receiver's disk holds: what a transfer costs in memory. */
export const WINDOW_BYTES = 2_097_152;
/** Close codes of a file's channel. */
export const CLOSE_CANCELLED = 4_000;
export const CLOSE_WITHDRAWN = 4_004;
export const CLOSE_UNREADABLE = 4_500;

export function fileResource(id: string, from: number): string {
  return `/${id}?from=${from}`;
}

/** What a resource asks for, or `null`. */
export function readFileResource(resource: string): { readonly id: string; readonly from: number } | null {
  const [, id = '', offset = ''] = /^\/([0-9a-f]{32})\?from=(\d{1,16})$/.exec(resource) ?? [];
  const from = Number(offset);
  return decodeHex(id)?.length === 16 && Number.isSafeInteger(from) ? { id, from } : null;
}

/** How many bytes the receiver says its disk holds, or `null`. */
export function readStored(data: unknown): number | null {
  if (typeof data !== 'string' || !/^\d{1,16}$/.test(data)) return null;
  const stored = Number(data);
  return Number.isSafeInteger(stored) ? stored : null;
}
