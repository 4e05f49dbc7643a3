import type { CryptoProvider, RandomBytes } from '@sws/crypto';
import type { ChannelSettings } from './channel-settings.js';
import type { Flight } from './flight.js';
import type { TokenBucket } from './token-bucket.js';

/** The number of dropped frames, by reason. Every dropped frame is counted. */
export interface ChannelCounters {
  malformed: number;
  notOpened: number;
  overRate: number;
  overBounds: number;
  resetsSent: number;
}

/** The context that all channels of a table share. */
export interface ChannelContext {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly settings: ChannelSettings;
  /** Whether this end is registered. Otherwise nothing is sent, and no PING is due. */
  readonly connected: boolean;
  /** How many more ACCEPTs may cost public-key operations, for all channels together. */
  readonly accepts: TokenBucket;
  /** The flight to a peer, over all channels to it. */
  readonly flightTo: (peer: string) => Flight;
  readonly counters: ChannelCounters;
}
