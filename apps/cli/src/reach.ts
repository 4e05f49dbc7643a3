import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, SecureWebSocket } from '@sws/client';
import { SwsError } from '@sws/crypto';

/** Between two attempts: doubling from the first to the last. */
const RETRY_MS = { first: 500, last: 5_000 } as const;
/** What may pass: the peer or the relay is away, or the peer's process is another now. */
const PASSING: ReadonlySet<string> = new Set([
  'connection-lost',
  'offline',
  'unknown-channel',
  'resume-timeout',
  'open-timeout',
  'close-timeout',
]);

/** Whether waiting may help against a failure. */
export function mayPass(code: string): boolean {
  return PASSING.has(code);
}

export interface ReachOptions {
  readonly resource?: string;
  readonly protocols: string | readonly string[];
  /** How long to go on trying where the peer or the relay is away; 0 for one attempt. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Called once, before it tries again. */
  readonly onWait?: (failure: SwsError) => void;
}

/**
 * Opens a channel to a peer, if need be with several attempts, each soon after the other: a person waits, or a program.
 * Whoever calls sets the socket's listeners at once, since messages may follow. @throws SwsError of the last attempt
 */
export async function reach(endpoint: Endpoint, peer: string, options: ReachOptions): Promise<SecureWebSocket> {
  const { resource = '/', protocols, waitMs, signal, onWait } = options;
  const untilMs = performance.now() + waitMs;
  for (let retryMs: number = RETRY_MS.first; ; retryMs = Math.min(2 * retryMs, RETRY_MS.last)) {
    const socket = endpoint.connect(peer, { resource, protocols });
    const failure = await opened(socket);
    if (failure === null) return socket;
    if (!mayPass(failure.code) || performance.now() >= untilMs) throw failure;
    if (retryMs === RETRY_MS.first) onWait?.(failure);
    await delay(retryMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    if (signal?.aborted) throw failure;
  }
}

/** Resolves with `null` when it is open, or with why it never will be. */
function opened(socket: SecureWebSocket): Promise<SwsError | null> {
  return new Promise((resolve) => {
    socket.addEventListener('open', () => resolve(null), { once: true });
    socket.addEventListener('error', ({ code, message }) => resolve(new SwsError(code, message)), { once: true });
  });
}
