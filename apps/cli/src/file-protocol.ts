/**
 * The subprotocol of a batch of files. The sender opens the channel, and the receiver accepts it. Texts are JSON
 * objects with a `type`. Binary messages are the bytes of the file that the last `begin` named. `file` is the file's
 * index in the offer.
 *
 * The sender sends `offer` once. It then handles the files in order, each after the receiver has answered for it: it
 * sends `begin`, the bytes and `end`, or `skip`. The receiver answers each offered file with `have` or `refused` before
 * its bytes, and each `end` with `stored` or `refused`. A folder or link has no bytes, and is answered with `stored` or
 * `refused` at once. When every file is stored, refused or skipped, the sender closes with 1000.
 */
export const FILES_PROTOCOL = 'sws.files.v1';

/** The most files of one batch. */
export const MAX_FILES = 10_000;
/** The largest `offer`, in bytes of UTF-8: 10,000 names of usual length. */
export const MAX_OFFER_BYTES = 4_194_304;
/** The longest name, and the longest text about a failure, in UTF-16 code units. Longer ones are invalid. */
const MAX_TEXT = 1_024;

/** Close codes of a batch (4000–4999 are the application's, RFC 6455 §7.4.2). */
export const FILES_CLOSE = {
  /** The user stopped the sender or receiver. The transfer can be resumed. */
  stopped: 4001,
  /** The peer violates the subprotocol. */
  notTheProtocol: 4002,
  /** The receiver's user, or a rule of theirs, declines the files. */
  declined: 4003,
  /** The same sender has started again over another channel. */
  superseded: 4004,
} as const;

/** The most folders in the path of an offered file. */
const MAX_DEPTH = 64;
/** The permissions that an offer can contain: read, write and execute of owner, group and others. */
export const MODE_BITS = 0o777;

/** An offered file, folder or link. */
export interface OfferedFile {
  /** Its name at the sender, without folders. Do not trust it. */
  readonly name: string;
  /** In bytes; `null` if unknown before the end, as for standard input. 0 for a folder or link. */
  readonly size: number | null;
  /** The folders that contain it, outermost first. Do not trust them. */
  readonly folders?: readonly string[];
  /** @defaultValue file */
  readonly kind?: 'folder' | 'link';
  /** The target of a link, relative to its folder. Do not trust it. */
  readonly target?: string;
  /** Permissions (`MODE_BITS`), if the receiver should keep them. */
  readonly mode?: number;
  /** The time of the last modification, in ms since 1970, if the receiver should keep it. */
  readonly modifiedMs?: number;
}

/** Returns the path of a file at the sender, for display. */
export function labelOf({ folders = [], name }: Pick<OfferedFile, 'folders' | 'name'>): string {
  return [...folders, name].join('/');
}

/** A message of the sender. */
export type SenderMessage =
  | { readonly type: 'offer'; readonly files: readonly OfferedFile[] }
  /** The bytes from `offset` on follow. `offset` is what the receiver has if the file begins with that, otherwise 0. */
  | { readonly type: 'begin'; readonly file: number; readonly offset: number }
  /** Everything was sent. `size` is that of the whole file, in bytes, and `sha256` is its digest, in hex. */
  | { readonly type: 'end'; readonly file: number; readonly size: number; readonly sha256: string }
  /** No more of this file follows. `detail` says why: it cannot be read, it changed meanwhile, or it was refused. */
  | { readonly type: 'skip'; readonly file: number; readonly detail: string };

/** A message of the receiver. */
export type ReceiverMessage =
  /** The file is wanted. The receiver already has `bytes` bytes, and `sha256` is their digest, in hex. */
  | { readonly type: 'have'; readonly file: number; readonly bytes: number; readonly sha256: string }
  /** The file is complete and checked, and has its name. */
  | { readonly type: 'stored'; readonly file: number; readonly sha256: string }
  | { readonly type: 'refused'; readonly file: number; readonly detail: string };

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
/** Whether every file system can store a time: from 1970 to 2106. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 2 ** 32 * 1_000;
}
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

/** Returns the members of a JSON object; `null` for any other text. */
function members(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function readOffered(value: unknown): OfferedFile | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, size, folders = [], kind, target, mode, modifiedMs } = value as Readonly<Record<string, unknown>>;
  const isPath = Array.isArray(folders) && folders.length <= MAX_DEPTH && folders.every(isText);
  if (!isText(name) || !(size === null || isCount(size)) || !isPath) return null;
  const isKind = kind === undefined || ((kind === 'folder' || kind === 'link') && size === 0);
  if (!isKind || (kind === 'link') !== isText(target)) return null;
  if (mode !== undefined && !(isCount(mode) && mode <= MODE_BITS)) return null;
  if (modifiedMs !== undefined && !isTime(modifiedMs)) return null;
  return {
    name,
    size,
    ...(folders.length > 0 && { folders }),
    ...(kind !== undefined && { kind }),
    ...(isText(target) && { target }),
    ...(mode !== undefined && { mode }),
    ...(modifiedMs !== undefined && { modifiedMs }),
  };
}

/**
 * Returns why a file cannot be `read` or `written`, for the peer. Errors of the system name paths, so only their code
 * is used.
 */
export function detailForPeer(error: unknown, what: 'read' | 'written'): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return `it can’t be ${what} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/** Reads a text of the sender; `null` if it is invalid. */
export function readSenderMessage(text: string): SenderMessage | null {
  const { type, file, files, offset, size, sha256, detail } = members(text) ?? {};
  if (type === 'offer') {
    if (!Array.isArray(files) || files.length === 0 || files.length > MAX_FILES) return null;
    const offered = files.map(readOffered).filter((one) => one !== null);
    return offered.length === files.length ? { type, files: offered } : null;
  }
  if (!isCount(file)) return null;
  if (type === 'begin') return isCount(offset) ? { type, file, offset } : null;
  if (type === 'end') return isCount(size) && isDigest(sha256) ? { type, file, size, sha256 } : null;
  return type === 'skip' && isText(detail) ? { type, file, detail } : null;
}

/** Reads a text of the receiver; `null` if it is invalid. */
export function readReceiverMessage(text: string): ReceiverMessage | null {
  const { type, file, bytes, sha256, detail } = members(text) ?? {};
  if (!isCount(file)) return null;
  if (type === 'have') return isCount(bytes) && isDigest(sha256) ? { type, file, bytes, sha256 } : null;
  if (type === 'stored') return isDigest(sha256) ? { type, file, sha256 } : null;
  return type === 'refused' && isText(detail) ? { type, file, detail } : null;
}
