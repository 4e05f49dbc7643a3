import type { CryptoProvider, RandomBytes } from '@sws/crypto';
import type { Channel } from './channel.js';
import type { ChannelEvent } from './channel-event.js';
import type { StaticKey } from './channel-keys.js';
import type { ChannelSettings } from './channel-settings.js';
import type { MemoryLimits } from './memory-budget.js';

/**
 * The argument of an accept policy. The policy runs once per OPEN, may get a replayed OPEN, and must have no effects.
 */
export interface ChannelRequest {
  /** The peer's address. It is proven, because the OPEN opened under its key. */
  readonly peer: string;
  /** The path and query that the peer requested. */
  readonly resource: string;
  /** The subprotocols that the peer offers, the preferred one first. */
  readonly protocols: readonly string[];
  /**
   * The peer's 16-byte name for the channel. It is unique among its live channels, and random if the peer is honest.
   */
  readonly channelId: Uint8Array;
}

/** `false` refuses. `{ protocol }` chooses one of the offered subprotocols, or none. `owner` becomes the channel's. */
export type AcceptAnswer = boolean | { readonly protocol?: string; readonly owner?: unknown };

/** Answers at once, or returns `later` and answers by `ChannelTable.handleDecision`. */
export type AcceptPolicy = (request: ChannelRequest) => AcceptAnswer | 'later';

export interface ChannelTableOptions {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly staticKey: StaticKey;
  readonly settings: ChannelSettings;
  readonly accept: AcceptPolicy;
  /**
   * The memory that peers can make this endpoint hold. @defaultValue 256 MiB; 128 MiB for strangers, 32 MiB per peer
   */
  readonly memory?: MemoryLimits | undefined;
  /**
   * Whether a peer is known although this endpoint has not dialled it. It is called for each OPEN and RESET, before any
   * work, and must have no effects. @defaultValue no peer is known
   */
  readonly isKnown?: ((peer: string) => boolean) | undefined;
}

/** An event of a channel. */
export interface ChannelNotice {
  readonly type: 'channel';
  readonly channel: Channel;
  readonly event: ChannelEvent;
}
