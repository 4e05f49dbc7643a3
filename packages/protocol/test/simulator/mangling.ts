import { encodeHex } from '@sws/crypto';
import { KIND } from '../../src/channel/channel-frame.js';
import type { Seeded } from './seeded.js';

/** A MESSAGE that passed the relay. */
export interface Recorded {
  readonly from: string;
  readonly to: string;
  readonly content: Uint8Array;
}

const CHANNEL_ID_END = 17;

export function channelIdOf(content: Uint8Array): string {
  return encodeHex(content.subarray(1, CHANNEL_ID_END));
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** One bit another. */
export function flipped(random: Seeded, content: Uint8Array): Uint8Array {
  const changed = content.slice();
  const bit = random.below(8 * content.length);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}

/** A DATA or CONTROL of the same channel with a box of nothing. */
export function forged(random: Seeded, content: Uint8Array): Uint8Array {
  const head = content.slice(0, CHANNEL_ID_END);
  const data = random.chance(0.5);
  head[0] = data ? KIND.data : KIND.control;
  const number = new Uint8Array(data ? 8 : 12);
  number[number.length - 1] = random.below(4);
  return joined(head, number, random.bytes(data ? 48 : 41));
}

/** Parts of two frames put together, or a frame renumbered, sent where it may fit. */
export function spliced(random: Seeded, message: Recorded, other: Recorded): Recorded {
  const content = message.content.slice();
  switch (random.below(5)) {
    case 0: // Another channel's frame under this channel's id.
      return {
        ...message,
        content: joined(
          other.content.subarray(0, 1),
          content.subarray(1, CHANNEL_ID_END),
          other.content.subarray(CHANNEL_ID_END),
        ),
      };
    case 1: // This head, another's box.
      return { ...message, content: joined(content.subarray(0, 25), other.content.subarray(25)) };
    case 2: // Another kind.
      content[0] = random.below(7);
      return { ...message, content };
    case 3: {
      // Another number: a near one for seq, epoch and counter, or a far one.
      const at = CHANNEL_ID_END + random.below(12);
      content[at] = random.chance(0.7) ? ((content[at] ?? 0) + 1) & 255 : random.below(256);
      return { ...message, content };
    }
    default: // From another peer.
      return { from: other.from, to: other.to, content };
  }
}
