import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { readAddress } from '@sws/crypto';
import type { Authorization, KeyRate } from '@sws/server';
import { WatchedFile } from './watched-file.js';

/** Who may use a relay. */
export interface Access {
  /**
   * The answer for a client that has proven its key, with its own rate if it has one. If both lists are given, both
   * apply.
   */
  allows(publicKey: string, token: string | null): Authorization;
  /** Called when the answer may have changed. */
  onchange: (() => void) | null;
}

export interface AccessFiles extends Access {
  /** Reads both files now. */
  reload(): Promise<void>;
  close(): void;
}

export interface AccessFileOptions {
  readonly allow: string | null;
  readonly tokens: string | null;
  /**
   * Called when a file was read again. With an `error`, its content cannot be used, and the last valid one stays in
   * use.
   */
  readonly onReload?: (file: 'allow' | 'tokens', entries: number, error: Error | null) => void;
  readonly lookEveryMs?: number;
}

/** Access by files, which are read again when they change. @throws Error that names the file and its invalid line */
export async function openAccessFiles(options: AccessFileOptions): Promise<AccessFiles> {
  const { onReload = () => {}, lookEveryMs } = options;
  const open = async <T extends { readonly size: number }>(
    name: 'allow' | 'tokens',
    path: string | null,
    parse: (content: string) => Promise<T>,
  ): Promise<WatchedFile<T> | null> => {
    if (path === null) return null;
    try {
      return await WatchedFile.open({
        path,
        parse,
        onChange: ({ size }) => {
          onReload(name, size, null);
          access.onchange?.();
        },
        onError: (error) => onReload(name, 0, error),
        ...(lookEveryMs === undefined ? {} : { lookEveryMs }),
      });
    } catch (error) {
      throw new Error(`${name}: ${path}: ${error instanceof Error ? error.message : 'unreadable'}`);
    }
  };
  const keys = await open('allow', options.allow, parseAllowedKeys);
  const tokens = await open('tokens', options.tokens, parseTokens);
  const access: AccessFiles = {
    onchange: null,
    allows(publicKey, token) {
      if (tokens !== null && !tokenAllows(tokens.value, publicKey, token)) return false;
      const rate = keys === null ? null : keys.value.get(publicKey);
      return rate === undefined ? false : rate === null || { rate };
    },
    async reload() {
      await keys?.reload();
      await tokens?.reload();
    },
    close() {
      keys?.close();
      tokens?.close();
    },
  };
  return access;
}

/**
 * The keys of an `--allow` file, each with its own rate or `null`. The file has one key per line; `#` begins a
 * comment.
 */
export type AllowedKeys = ReadonlyMap<string, KeyRate | null>;

/** The names of rates in a line. */
const RATES = { 'messages-per-second': 'messagesPerSecond', 'bytes-per-second': 'bytesPerSecond' } as const;

/** The tokens of a `--tokens` file, by SHA-256: the keys that each is bound to, or `null` for any key. */
export type Tokens = ReadonlyMap<string, string | null>;

/** Rejects with an Error that names the line. */
export async function parseAllowedKeys(content: string): Promise<AllowedKeys> {
  const keys = new Map<string, KeyRate | null>();
  for await (const [line, words] of linesOf(content)) {
    const [key = '', ...rates] = words;
    keys.set(keyOf(key, line), rates.length === 0 ? null : rateOf(rates, line));
  }
  return keys;
}

function rateOf(words: readonly string[], line: number): KeyRate {
  const rate: { -readonly [Name in keyof KeyRate]: KeyRate[Name] } = {};
  for (const word of words) {
    const [, name = '', digits = ''] = /^([a-z-]+)=(\d{1,12})$/.exec(word) ?? [];
    const value = Number(digits);
    if (!(name in RATES) || value < 1)
      throw new Error(`line ${line}: ${word} must be ${Object.keys(RATES).join('=N or ')}=N, N a whole number above 0`);
    rate[RATES[name as keyof typeof RATES]] = value;
  }
  return rate;
}

/** Rejects with an Error that names the line, never the token. */
export async function parseTokens(content: string): Promise<Tokens> {
  const tokens = new Map<string, string | null>();
  for await (const [line, words] of linesOf(content)) {
    const [token = '', key, ...rest] = words;
    if (rest.length > 0) throw new Error(`line ${line}: must be a token, or a token and a key`);
    if (Buffer.byteLength(token) < MIN_TOKEN_BYTES || Buffer.byteLength(token) > MAX_TOKEN_BYTES)
      throw new Error(`line ${line}: a token must have ${MIN_TOKEN_BYTES} to ${MAX_TOKEN_BYTES} bytes`);
    const digest = digestOf(token);
    if (tokens.has(digest)) throw new Error(`line ${line}: this token is on another line too`);
    tokens.set(digest, key === undefined ? null : keyOf(key, line));
  }
  return tokens;
}

/** How many lines are read in one turn of the event loop: some milliseconds. */
const LINES_PER_TURN = 1_000;
/** Shorter tokens can be guessed. */
const MIN_TOKEN_BYTES = 16;
/** The longest token (PROTOCOL §2). */
const MAX_TOKEN_BYTES = 1_024;

/**
 * Whether a token admits a key. It is looked up by digest, so that timing does not reveal how much of a guess was
 * right.
 */
export function tokenAllows(tokens: Tokens, publicKey: string, token: string | null): boolean {
  if (token === null) return false;
  const bound = tokens.get(digestOf(token));
  return bound === null || bound === publicKey;
}

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function keyOf(text: string, line: number): string {
  if (readAddress(text) === null) throw new Error(`line ${line}: a public key must be 64 lower-case hex digits`);
  return text;
}

/** The lines that are not empty, as their numbers and words. Long files are read in parts, so that clients need not wait. */
async function* linesOf(content: string): AsyncGenerator<[number, string[]]> {
  let line = 0;
  for (let start = 0; start <= content.length; ) {
    if (++line % LINES_PER_TURN === 0) await turn();
    const end = content.indexOf('\n', start);
    const text = content.slice(start, end === -1 ? content.length : end);
    start = end === -1 ? content.length + 1 : end + 1;
    const words = text
      .replace(/(^|\s)#.*$/, '')
      .trim()
      .split(/\s+/);
    if (words[0] !== '') yield [line, words];
  }
}
