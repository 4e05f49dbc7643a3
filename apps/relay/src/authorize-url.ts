import type { Authorization, KeyRate } from '@sws/server';
import { digestOf } from './access.js';

export interface AuthorizeUrlOptions {
  /** `https:`, or `http:` on this machine. */
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. @defaultValue none */
  readonly secret?: string;
  /** @defaultValue 5,000 */
  readonly timeoutMs?: number;
}

/** The client that asks for admission. */
export interface AskingClient {
  readonly publicKey: string;
  readonly token: string | null;
  readonly address: string | null;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** The most answers that are kept. The oldest is dropped first. */
const MAX_CACHED = 10_000;

/**
 * Asks the operator's service who may use the relay. It POSTs `{ publicKey, token, address }`, and the service answers
 * `{ allow, messagesPerSecond?, bytesPerSecond?, cacheSeconds? }` (docs/operate.md). An answer is kept for
 * `cacheSeconds`.
 */
export class AuthorizeUrl {
  readonly #options: AuthorizeUrlOptions;
  readonly #cache = new Map<string, { readonly answer: Authorization; readonly untilMs: number }>();
  /** Requests in progress. Many connections of one client share a request. */
  readonly #asking = new Map<string, Promise<Authorization>>();

  constructor(options: AuthorizeUrlOptions) {
    this.#options = options;
  }

  /** @throws Error that says what is wrong with the service or its answer. The client is then told to try again. */
  ask(client: AskingClient): Promise<Authorization> {
    const name = `${client.publicKey} ${client.token === null ? '' : digestOf(client.token)}`;
    const kept = this.#cache.get(name);
    if (kept !== undefined && kept.untilMs > performance.now()) return Promise.resolve(kept.answer);
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#post(name, client).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  async #post(name: string, client: AskingClient): Promise<Authorization> {
    const { url, secret, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json',
        ...(secret === undefined ? {} : { Authorization: `Bearer ${secret}` }),
      },
      body: JSON.stringify(client),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`status ${response.status}, not 200`);
    }
    const { authorization, cacheSeconds } = readAnswer(await textOf(response));
    this.#cache.delete(name);
    if (cacheSeconds > 0) {
      for (const oldest of this.#cache.keys()) {
        if (this.#cache.size < MAX_CACHED) break;
        this.#cache.delete(oldest);
      }
      this.#cache.set(name, { answer: authorization, untilMs: performance.now() + cacheSeconds * 1_000 });
    }
    return authorization;
  }
}

const MAX_ANSWER_BYTES = 65_536;

/** @throws Error for a body that is too long */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const MAX_CACHE_SECONDS = 86_400;

/** @throws Error that names the invalid field */
function readAnswer(text: string): { readonly authorization: Authorization; readonly cacheSeconds: number } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error('the answer is not JSON');
  }
  if (typeof body !== 'object' || body === null) throw new Error('the answer is not a JSON object');
  const { allow, messagesPerSecond, bytesPerSecond, cacheSeconds } = body as Record<string, unknown>;
  if (typeof allow !== 'boolean') throw new Error('allow must be true or false');
  const rate: KeyRate = {
    ...amount('messagesPerSecond', messagesPerSecond),
    ...amount('bytesPerSecond', bytesPerSecond),
  };
  const seconds = cacheSeconds ?? 0;
  if (typeof seconds !== 'number' || !(seconds >= 0)) throw new Error('cacheSeconds must be 0 or more');
  return {
    authorization: allow && (Object.keys(rate).length === 0 || { rate }),
    cacheSeconds: Math.min(MAX_CACHE_SECONDS, seconds),
  };
}

/** @throws Error that names the field */
function amount<Name extends string>(name: Name, value: unknown): { readonly [N in Name]?: number } {
  if (value === undefined || value === null) return {};
  if (!Number.isSafeInteger(value) || Number(value) < 1) throw new Error(`${name} must be a whole number above 0`);
  return { [name]: value } as { readonly [N in Name]?: number };
}
