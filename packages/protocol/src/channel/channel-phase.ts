import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import type { ChannelEvent } from './channel-event.js';
import type { ChannelFrame } from './channel-frame.js';
import type { FrameName } from './reset.js';

/** PROTOCOL §4, Channel states. */
export type PhaseName = 'opening' | 'half-open' | 'open' | 'tombstone' | 'gone';

/** The application's commands for a channel. */
export type ChannelCommand =
  /** Queues a message, and owns `data` from here. */
  | { readonly type: 'send'; readonly data: string | Uint8Array }
  /** Closes after all queued messages. 1005 with an empty reason stands for none. */
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  /** Asks the peer's process for a sign of life. The event `pong` reports it, after a separation if there is one. */
  | { readonly type: 'ping' }
  /** The application has taken the oldest polled message. Returns its credit to the peer. */
  | { readonly type: 'delivered' }
  /** Ends at once with 1006. The peer learns it soon: its answer to a last question is answered with RESET. */
  | { readonly type: 'terminate'; readonly failure: Failure };

/** The inputs of a channel, except the peer's frames. */
export type ChannelInput =
  | ChannelCommand
  /** It is a waiting attempt's turn. OPEN is sent as soon as this end is connected. */
  | { readonly type: 'begin' }
  /** This end is registered (again). */
  | { readonly type: 'connected' }
  /** This end's connection is lost. */
  | { readonly type: 'disconnected' }
  /** The connection could not be made or registered. An attempt that does not wait ends. */
  | { readonly type: 'connection-failed'; readonly failure: Failure }
  /**
   * The relay's hint that a frame of ours was not delivered. It is sent again, or the peer is asked; an open channel
   * does not close. `seq` is that of DATA.
   */
  | { readonly type: 'undeliverable'; readonly code: FailureCode; readonly seq: number | null }
  /** The relay's hint that the peer is gone. The peer is asked. */
  | { readonly type: 'peer-gone' }
  /** A frame of the peer arrived. An attempt that waits for the peer tries at once. */
  | { readonly type: 'peer-seen' }
  /** Memory was given back. If there is room, the peer gets the credit that it needs to continue. */
  | { readonly type: 'memory-freed' }
  /** `nextWakeAtMs` has come. */
  | { readonly type: 'timeout' };

/**
 * The present phase of a channel: an attempt that waits for its ACCEPT (`Opening`), or an end that has keys
 * (`Session`). Each phase handles the inputs that concern it, and ignores the others. Order: inputs, then `pollEvent`
 * until `null`, then `pollFrame` until `null` or the transport is full, then one timer for `nextWakeAtMs`.
 */
export interface ChannelPhase {
  readonly name: PhaseName;
  readonly channelId: Uint8Array;
  /** The agreed subprotocol; empty for none, and until open. */
  readonly protocol: string;
  /** Whether the peer has confirmed the channel: a frame of it has opened. */
  readonly confirmed: boolean;
  /** Whether messages may still be queued: this end has not closed. */
  readonly writable: boolean;
  /** When the first unanswered PING was sent, or `null`. */
  readonly unansweredSinceMs: number | null;
  /** Whether a message of the peer cannot continue for lack of memory. */
  readonly starved: boolean;
  /**
   * When to call `timeout` or `pollFrame` next; infinite for never. Frames that are already due wait for `pollFrame`.
   */
  readonly nextWakeAtMs: number;
  /** The phase that replaces this one, or `null`. */
  readonly successor: ChannelPhase | null;
  handle(input: ChannelInput, nowMs: number): void;
  /**
   * A frame of this channel arrived, not RESET; `content` is the whole frame. Returns false for an ACCEPT, DATA or
   * CONTROL that did not open.
   */
  handleFrame(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean;
  /**
   * Whether the frame that a RESET names is ours and still pending. This is one look-up, for any number of kept
   * frames.
   */
  provoked(name: FrameName): boolean;
  /** Ends at once with 1006 and sends nothing. The peer learns it by RESET when it next sends, or by a timeout. */
  abort(failure: Failure): void;
  /** The next event for the application; `null` for no more. */
  pollEvent(): ChannelEvent | null;
  /** The next frame to send, as of `Channel.pollFrame`; `null` if none may be sent now. */
  pollFrame(nowMs: number): Uint8Array | null;
}

/** The failure of an attempt that this end closes. */
export const CLOSED_BEFORE_OPEN: Failure = { code: 'aborted', detail: 'closed before it was open' };
