import { setTimeout as delay } from 'node:timers/promises';
import type { SwsError } from '@sws/crypto';
import type { Line } from './station/line.js';
import type { Station } from './station/station.js';

/** The delay between two attempts. It doubles from the first to the last. */
const RETRY_MS = { first: 500, last: 5_000 } as const;
/** Temporary failures: the peer or relay is unreachable, or one end's process was replaced. */
const PASSING: ReadonlySet<string> = new Set([
  'connection-lost',
  'dns',
  'relay-refused',
  'unreachable',
  'tls',
  'proxy',
  'http-status',
  'agent-lost',
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
  readonly protocols: readonly string[];
  /** How long to try if the peer or relay is unreachable; 0 for one attempt. */
  readonly waitMs: number;
  /** Whether to retry a peer that refuses: its command may not run yet, or was killed. @defaultValue false */
  readonly evenIfRefused?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called once, before it tries again. */
  readonly onWait?: (failure: SwsError) => void;
}

/**
 * Opens a line to a peer. If needed it makes several attempts, soon after each other, because a person or program
 * waits.
 * @throws SwsError of the last attempt
 */
export async function reach(station: Station, peer: string, options: ReachOptions): Promise<Line> {
  const { resource = '/', protocols, waitMs, evenIfRefused = false, signal, onWait } = options;
  const untilMs = performance.now() + waitMs;
  for (let retryMs: number = RETRY_MS.first; ; retryMs = Math.min(2 * retryMs, RETRY_MS.last)) {
    try {
      return await station.connect(peer, { resource, protocols, signal });
    } catch (error) {
      const failure = error as SwsError;
      const passes = mayPass(failure.code) || (evenIfRefused && failure.code === 'refused');
      if (!passes || performance.now() >= untilMs) throw failure;
      if (retryMs === RETRY_MS.first) onWait?.(failure);
      await delay(retryMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
      if (signal?.aborted) throw failure;
    }
  }
}
