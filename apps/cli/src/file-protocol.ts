/**
 * The subprotocol of a batch of files, from the end that opens the channel to the end that accepted it. Texts are JSON objects
 * with a `type`; binary messages are the bytes of the file that the last `begin` named. `file` counts the offered ones from 0.
 *
 * The sender says `offer` once, then for each file, in order, as soon as the receiver has answered for it: `begin`, the
 * bytes, `end`; or `skip`. The receiver answers each offered file with `have` or `refused`, ahead of the bytes, and each
 * `end` with `stored` or `refused`. A folder or link has no bytes: it is answered with `stored` or `refused` at once. When every file is stored, refused or skipped the sender closes with 1000.
 */
export const FILES_PROTOCOL = 'sws.files.v1';

/** The most files of one batch. */
export const MAX_FILES = 10_000;
/** The largest `offer`, in bytes of UTF-8: 10,000 names of usual length. */
export const MAX_OFFER_BYTES = 4_194_304;
/** The longest name and the longest words about a failure, in characters; what is longer is malformed. */
const MAX_TEXT = 1_024;

/** Close codes of a batch (4000–4999 are the application's, RFC 6455 §7.4.2). */
export const FILES_CLOSE = {
  /** A sender or receiver that was stopped by its user. What was under way can be resumed. */
  stopped: 4001,
  /** The peer does not keep to the subprotocol. */
  notTheProtocol: 4002,
  /** The receiver's user, or policy, wants none of it. */
  declined: 4003,
  /** The same sender has begun anew over another channel. */
  superseded: 4004,
} as const;

/** The deepest folder of an offer. */
const MAX_DEPTH = 64;
/** The permissions that an offer may tell: read, write and execute of owner, group and others. */
export const MODE_BITS = 0o777;

/** A file, folder or link as it is offered. */
export interface OfferedFile {
  /** As the sender has it, without folders. Not to be trusted. */
  readonly name: string;
  /** In bytes; `null` where that is not known before its end, as of standard input. 0 for a folder or link. */
  readonly size: number | null;
  /** The folders that it is in, outermost first; none for what lies at the top. Not to be trusted. */
  readonly folders?: readonly string[];
  /** @defaultValue file */
  readonly kind?: 'folder' | 'link';
  /** Where a link leads, from the folder that it is in. Not to be trusted. */
  readonly target?: string;
  /** Permissions (`MODE_BITS`), where they are to be kept. */
  readonly mode?: number;
  /** When it was last modified, in ms since 1970, where that is to be kept. */
  readonly modifiedMs?: number;
}

/** Where a file is, as people are told of it. */
export function labelOf({ folders = [], name }: Pick<OfferedFile, 'folders' | 'name'>): string {
  return [...folders, name].join('/');
}

/** What the sender says. */
export type SenderMessage =
  | { readonly type: 'offer'; readonly files: readonly OfferedFile[] }
  /** Bytes follow from `offset`: what the receiver has if that is the beginning of this file, else 0. */
  | { readonly type: 'begin'; readonly file: number; readonly offset: number }
  /** All of it was sent: `size` bytes in all, of which `sha256` is the digest, in hex. */
  | { readonly type: 'end'; readonly file: number; readonly size: number; readonly sha256: string }
  /** No more of this file is coming, and why in words: it can't be read, changed while it was sent, or was refused. */
  | { readonly type: 'skip'; readonly file: number; readonly detail: string };

/** What the receiver says. */
export type ReceiverMessage =
  /** It may come. `bytes` of it are here already, of which `sha256` is the digest, in hex. */
  | { readonly type: 'have'; readonly file: number; readonly bytes: number; readonly sha256: string }
  /** It is whole and checked, and has its name. */
  | { readonly type: 'stored'; readonly file: number; readonly sha256: string }
  | { readonly type: 'refused'; readonly file: number; readonly detail: string };

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
/** A time that every file system can keep: within 1970 and 2106. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 2 ** 32 * 1_000;
}
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

/** The members of a JSON object, or `null` for any other text. */
function members(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
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

/** Why a file can't be `read` or `written`, for the peer: a path of this machine is none of its business. */
export function detailForPeer(error: unknown, what: 'read' | 'written'): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return `it can’t be ${what} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/** What the sender's text says, or `null` where it is none of the protocol's. */
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

/** What the receiver's text says, or `null` where it is none of the protocol's. */
export function readReceiverMessage(text: string): ReceiverMessage | null {
  const { type, file, bytes, sha256, detail } = members(text) ?? {};
  if (!isCount(file)) return null;
  if (type === 'have') return isCount(bytes) && isDigest(sha256) ? { type, file, bytes, sha256 } : null;
  if (type === 'stored') return isDigest(sha256) ? { type, file, sha256 } : null;
  return type === 'refused' && isText(detail) ? { type, file, detail } : null;
}
