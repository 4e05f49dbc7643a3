import type { CryptoProvider, RandomBytes } from '@sws/crypto';
import type { Channel } from './channel.js';
import type { ChannelEvent } from './channel-event.js';
import type { StaticKey } from './channel-keys.js';
import type { ChannelSettings } from './channel-settings.js';
import type { MemoryLimits } from './memory-budget.js';

/** What an accept policy is asked. It runs once per OPEN, may see a replayed one, and must have no effects. */
export interface ChannelRequest {
  /** The peer's address: proven, the OPEN opened under its key. */
  readonly peer: string;
  /** Path and query, as the peer asked for them. */
  readonly resource: string;
  /** The subprotocols that it offers, the preferred one first. */
  readonly protocols: readonly string[];
  /** The peer's own name for the channel, 16 bytes: random if it is honest, and unique among its channels that live. */
  readonly channelId: Uint8Array;
}

/** Refuses with `false`; chooses a subprotocol with `{ protocol }`, one of those offered or none. `owner` becomes the channel's. */
export type AcceptAnswer = boolean | { readonly protocol?: string; readonly owner?: unknown };

/** Answers, or says `later`: then `ChannelTable.handleDecision` does. */
export type AcceptPolicy = (request: ChannelRequest) => AcceptAnswer | 'later';

export interface ChannelTableOptions {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly staticKey: StaticKey;
  readonly settings: ChannelSettings;
  readonly accept: AcceptPolicy;
  /** How much memory peers can make this endpoint hold. @defaultValue 256 MiB, of it 128 for strangers, 32 for each peer */
  readonly memory?: MemoryLimits | undefined;
  /** Whether a peer is more than a stranger although this endpoint has not dialled it. Asked for each OPEN and RESET, before any work; must have no effects. @defaultValue nobody is */
  readonly isKnown?: ((peer: string) => boolean) | undefined;
}

/** What a channel has to tell. */
export interface ChannelNotice {
  readonly type: 'channel';
  readonly channel: Channel;
  readonly event: ChannelEvent;
}
