import type { Padding } from './padding.js';

/** Settings of one channel; every time is in milliseconds. */
export interface ChannelSettings {
  /**
   * The credit of a peer that was dialled or is known. The credit of a stranger starts with 65,536 and grows to this.
   * @defaultValue 1 MiB, at least 65,536
   */
  readonly windowBytes: number;
  /** The largest accepted message. A larger one fails the channel with 1009. @defaultValue 16 MiB */
  readonly maxMessageBytes: number;
  /** How long the channel stays open while the peer is unreachable. @defaultValue 60,000 */
  readonly resumeTimeoutMs: number;
  /** @defaultValue `padme` */
  readonly padding: Padding;
  /**
   * The initiator changes keys after this many DATA frames of both directions, or 120 s. @defaultValue 65,536, which is
   * also the maximum
   */
  readonly rekeyAfterFrames: number;
}

export const DEFAULT_CHANNEL_SETTINGS: ChannelSettings = {
  windowBytes: 1_048_576,
  maxMessageBytes: 16 * 1_048_576,
  resumeTimeoutMs: 60_000,
  padding: 'padme',
  rekeyAfterFrames: 2 ** 16,
};
