import type { CryptoProvider, RandomBytes } from '@sws/crypto';
import type { Padding } from './padding.js';

/** Settings of one channel; every time is in milliseconds. */
export interface ChannelSettings {
  /** The credit granted to the peer. @defaultValue 1 MiB, at least 65,536 */
  readonly windowBytes: number;
  /** The largest message taken; above it the channel fails with 1009. @defaultValue 16 MiB */
  readonly maxMessageBytes: number;
  /** How long a separation may last. @defaultValue 60,000 */
  readonly resumeTimeoutMs: number;
  /** @defaultValue `padme` */
  readonly padding: Padding;
  /** The initiator changes keys after this many DATA frames of both directions, or 120 s. @defaultValue 65,536, which is also the most */
  readonly rekeyAfterFrames: number;
}

export const DEFAULT_CHANNEL_SETTINGS: ChannelSettings = {
  windowBytes: 1_048_576,
  maxMessageBytes: 16 * 1_048_576,
  resumeTimeoutMs: 60_000,
  padding: 'padme',
  rekeyAfterFrames: 2 ** 16,
};

/** What every channel of a table has in common. */
export interface ChannelContext {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly settings: ChannelSettings;
  /** Whether this end is registered: without it nothing is sent and no PING is due. */
  readonly connected: boolean;
}

/** A full-jitter delay between `min` and `max` (integer milliseconds). */
export function jitter(random: RandomBytes, min: number, max: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return Math.floor(min + ((max - min) * (((a << 24) | (b << 16) | (c << 8) | d) >>> 0)) / 2 ** 32);
}
