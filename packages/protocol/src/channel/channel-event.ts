import type { Failure } from '../result.js';

/**
 * How a channel ended. Only an authenticated close frame sets code and reason; any other end is 1006 with a `failure`.
 */
export interface ChannelEnd {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly failure: Failure | null;
}

/** The events of a channel for the application. */
export type ChannelEvent =
  | { readonly type: 'open' }
  | { readonly type: 'message'; readonly data: string | Uint8Array }
  | { readonly type: 'acknowledged' }
  | { readonly type: 'interrupted' }
  | { readonly type: 'resumed' }
  /** The sign of life that `ping` asked for. */
  | { readonly type: 'pong' }
  | { readonly type: 'close'; readonly end: ChannelEnd };

/** The end of a channel without a close frame. */
export function abnormalEnd(failure: Failure): ChannelEnd {
  return { code: 1006, reason: '', wasClean: false, failure };
}
