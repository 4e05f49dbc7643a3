import type { Padding } from './padding.js';

/** Settings of one channel; every time is in milliseconds. */
export interface ChannelSettings {
  /** The credit granted to a peer that was dialled or is known; that of a stranger begins with 65,536 and grows to this. @defaultValue 1 MiB, at least 65,536 */
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
