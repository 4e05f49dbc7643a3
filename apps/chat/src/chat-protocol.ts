import { decodeHex, readAddress } from '@sws/crypto';

/** The subprotocol of a conversation: one JSON text per message. */
export const CHAT_PROTOCOL = 'sws.chat.v1';
/** The longest text of one message, in UTF-16 units; longer ones are better sent as a file. */
export const MAX_TEXT_LENGTH = 500_000;
/** The longest name that people give themselves or each other, and the longest introduction. */
export const MAX_PERSON_NAME_LENGTH = 60;
export const MAX_SAYS_LENGTH = 500;
/** Messages that one `stored` names at most. */
export const MAX_STORED_IDS = 256;

/** A file on offer: its bytes are fetched over a channel of their own (`file-protocol.ts`). */
export interface FileOffer {
  readonly name: string;
  readonly size: number;
  readonly mime: string;
}

/** Signed by an old identity: its holder is to be found at another address. */
export interface Move {
  readonly from: string;
  readonly signingKey: string;
  readonly signature: string;
}

/** Who asks to talk, in their own words; both may be empty. */
export interface Introduction {
  readonly name: string;
  readonly says: string;
}

/** What two chat pages say to each other; `PROTOCOL.md` has it for those who implement it. */
export type ChatMessage =
  /**
   * First on every channel, and again when it changes: whether this end takes messages, what it has last seen, and, to
   * somebody who has not accepted it, who it is.
   */
  | ({
      readonly type: 'hello';
      readonly accepted: boolean;
      readonly seen: string | null;
      readonly move: Move | null;
    } & Introduction)
  /** `reply` is the id of the message that this one answers, of either side. */
  | {
      readonly type: 'text';
      readonly id: string;
      readonly at: number;
      readonly text: string;
      readonly reply: string | null;
    }
  /** `text` is its caption, or empty. */
  | { readonly type: 'file'; readonly id: string; readonly at: number; readonly text: string; readonly file: FileOffer }
  /** The sender takes back a message of its own: it is to be deleted. Answered with `stored`. */
  | { readonly type: 'retract'; readonly id: string }
  /** The messages of these ids are on this end's disk: the sender need not keep them to send again. */
  | { readonly type: 'stored'; readonly ids: readonly string[] }
  /** Everything up to this message has been on the screen. */
  | { readonly type: 'seen'; readonly id: string }
  | { readonly type: 'typing' };

export function encodeChatMessage(message: ChatMessage): string {
  return JSON.stringify(message);
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isHex(value: unknown, bytes: number): value is string {
  return typeof value === 'string' && decodeHex(value)?.length === bytes;
}

function isId(value: unknown): value is string {
  return isHex(value, 16);
}

/** A time that a Date can hold, in milliseconds. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < 8.64e15;
}

const MAX_NAME_LENGTH = 255;

/**
 * A file's name as it may be shown and saved: no path, and none of the characters that make a name look like another
 * (controls, and Unicode's bidirectional overrides, with which `gpj.exe` reads as `exe.jpg`).
 */
export function cleanName(name: string): string {
  const clean = name
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .replace(/[\\/:*?"<>|]/g, '_')
    .trim()
    .slice(-MAX_NAME_LENGTH)
    .toWellFormed();
  return /^\.*$/.test(clean) ? 'file' : clean;
}

/** A person's name as it may be shown: one line, without characters that are not seen. */
export function cleanPersonName(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_PERSON_NAME_LENGTH) return '';
  return value
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .toWellFormed();
}

function readText(value: unknown, longest: number): string {
  return typeof value === 'string' && value.length <= longest ? value.toWellFormed() : '';
}

const MAX_MIME_LENGTH = 100;

function readFile(value: unknown): FileOffer | null {
  if (!isFields(value)) return null;
  const { name, size, mime } = value;
  if (typeof name !== 'string' || name.length > MAX_NAME_LENGTH * 4) return null;
  if (!Number.isSafeInteger(size) || Number(size) < 0) return null;
  const known = typeof mime === 'string' && mime.length <= MAX_MIME_LENGTH && /^[\w.+-]+\/[\w.+-]+$/.test(mime);
  return { name: cleanName(name), size: Number(size), mime: known ? mime.toLowerCase() : 'application/octet-stream' };
}

function readMove(value: unknown): Move | null {
  if (!isFields(value)) return null;
  const { from, signingKey, signature } = value;
  if (typeof from !== 'string' || readAddress(from) === null) return null;
  return isHex(signingKey, 32) && isHex(signature, 64) ? { from, signingKey, signature } : null;
}

/** What a peer sent, or `null` if it is none of the protocol's messages: it is then ignored, as a later version's would be. */
export function decodeChatMessage(data: unknown): ChatMessage | null {
  if (typeof data !== 'string') return null;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (!isFields(value)) return null;
  const { type, id, at, text } = value;
  switch (type) {
    case 'hello':
      return {
        type,
        accepted: value.accepted === true,
        seen: isId(value.seen) ? value.seen : null,
        move: readMove(value.move),
        name: cleanPersonName(value.name),
        says: readText(value.says, MAX_SAYS_LENGTH),
      };
    case 'text':
      if (!isId(id) || !isTime(at) || typeof text !== 'string' || text.length > MAX_TEXT_LENGTH) return null;
      return { type, id, at, text, reply: isId(value.reply) ? value.reply : null };
    case 'file': {
      const file = readFile(value.file);
      if (!isId(id) || !isTime(at) || file === null) return null;
      return { type, id, at, text: readText(text, MAX_TEXT_LENGTH), file };
    }
    case 'stored': {
      const { ids } = value;
      return Array.isArray(ids) && ids.length <= MAX_STORED_IDS && ids.every(isId) ? { type, ids } : null;
    }
    case 'retract':
    case 'seen':
      return isId(id) ? { type, id } : null;
    case 'typing':
      return { type };
    default:
      return null;
  }
}
