import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import type { ChannelEvent } from './channel-event.js';
import type { ChannelFrame } from './channel-frame.js';
import type { FrameName } from './reset.js';

/** PROTOCOL §4, Channel states. */
export type PhaseName = 'opening' | 'half-open' | 'open' | 'tombstone' | 'gone';

/** What the application does with a channel. */
export type ChannelCommand =
  /** Queues a message; owns `data` from here. */
  | { readonly type: 'send'; readonly data: string | Uint8Array }
  /** Closes behind all queued messages. 1005 with an empty reason stands for none. */
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  /** Asks the peer's process for a sign of life; the event `pong` tells that it came, after a separation if there is one. */
  | { readonly type: 'ping' }
  /** The application has taken the oldest message that was polled: its credit goes back to the peer. */
  | { readonly type: 'delivered' }
  /** Ends at once with 1006. The peer learns soon: a last question goes out, whose answer earns it a RESET. */
  | { readonly type: 'terminate'; readonly failure: Failure };

/** What else happens to a channel, frames of the peer apart. */
export type ChannelInput =
  | ChannelCommand
  /** A waiting attempt has its turn: OPEN goes out as soon as this end is connected. */
  | { readonly type: 'begin' }
  /** This end is registered (again). */
  | { readonly type: 'connected' }
  /** This end's connection is lost. */
  | { readonly type: 'disconnected' }
  /** The connection could not be made or registered: an attempt that does not wait ends. */
  | { readonly type: 'connection-failed'; readonly failure: Failure }
  /** The relay's hint about a frame of ours: it is sent again, or the peer is asked; an open channel does not close. `seq` is that of DATA. */
  | { readonly type: 'undeliverable'; readonly code: FailureCode; readonly seq: number | null }
  /** The relay says that the peer is gone: a hint, so the peer is asked. */
  | { readonly type: 'peer-gone' }
  /** Some frame of the peer arrived: an attempt that waits for it tries at once. */
  | { readonly type: 'peer-seen' }
  /** Memory was given back: what the peer lacks of it to go on is granted, if there is room. */
  | { readonly type: 'memory-freed' }
  /** `nextWakeAtMs` has come. */
  | { readonly type: 'timeout' };

/**
 * What a channel is at the moment: an attempt that waits for its ACCEPT (`Opening`), or an end that has keys (`Session`).
 * Each does with an input what it means there, and ignores the others. Order: inputs, then `pollEvent` until `null`, then
 * `pollFrame` until `null` or the transport is full, then one timer for `nextWakeAtMs`.
 */
export interface ChannelPhase {
  readonly name: PhaseName;
  readonly channelId: Uint8Array;
  /** The subprotocol that both ends agreed on; empty for none, and until open. */
  readonly protocol: string;
  /** Whether the peer has confirmed the channel: a frame of it has opened. */
  readonly confirmed: boolean;
  /** Whether messages may still be queued: this end has not closed. */
  readonly writable: boolean;
  /** When the first PING went out that is still unanswered, or `null`. */
  readonly unansweredSinceMs: number | null;
  /** Whether a message of the peer can't go on for want of memory. */
  readonly starved: boolean;
  /** When `timeout` or `pollFrame` is next worth calling; infinite for never. What is due already waits for `pollFrame`. */
  readonly nextWakeAtMs: number;
  /** The phase that takes this one's place, or `null`. */
  readonly successor: ChannelPhase | null;
  handle(input: ChannelInput, nowMs: number): void;
  /** A frame of this channel, not RESET; `content` is the whole of it. False for an ACCEPT, DATA or CONTROL that did not open. */
  handleFrame(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean;
  /** Whether the frame that a RESET names is ours and still pending: one look-up, whatever is retained. */
  provoked(name: FrameName): boolean;
  /** Ends at once with 1006, telling the peer nothing: it learns by RESET, when it next sends, or by time. */
  abort(failure: Failure): void;
  /** What to tell the application, in order; `null` for nothing more. */
  pollEvent(): ChannelEvent | null;
  /** The next frame to send, a whole binary MESSAGE that must not be changed; `null` if nothing may go now. */
  pollFrame(nowMs: number): Uint8Array | null;
}

/** Why an attempt fails that this end closes. */
export const CLOSED_BEFORE_OPEN: Failure = { code: 'aborted', detail: 'closed before it was open' };
