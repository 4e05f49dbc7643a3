import type { CryptoProvider, RandomBytes } from '@sws/crypto';
import type { ChannelSettings } from './channel-settings.js';
import type { Flight } from './flight.js';
import type { TokenBucket } from './token-bucket.js';

/** Frames that were dropped, by reason: nothing is dropped silently. */
export interface ChannelCounters {
  malformed: number;
  notOpened: number;
  overRate: number;
  overBounds: number;
  resetsSent: number;
}

/** What every channel of a table has in common. */
export interface ChannelContext {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly settings: ChannelSettings;
  /** Whether this end is registered: without it nothing is sent and no PING is due. */
  readonly connected: boolean;
  /** How many more ACCEPTs may cost their public-key operations, whichever channels they are for. */
  readonly accepts: TokenBucket;
  /** What is under way to a peer, over all channels to it. */
  readonly flightTo: (peer: string) => Flight;
  readonly counters: ChannelCounters;
}
