import { Router } from '../../src/index.js';
import { Client, type Way } from './client.js';
import { Clock } from './clock.js';

const MESSAGE_BYTES = 61_440;

/** A relay that holds nobody to a rate, and the clients of one run. */
export class FarLinks {
  readonly clock = new Clock();
  readonly router = new Router({ limits: { maxMessage: 131_072, messagesPerSecond: 1e12, bytesPerSecond: 1e12 } });
  #clients = 0;

  client(way: Way): Client {
    return new Client(this.clock, this.router, ++this.#clients, way);
  }
}

export interface Carried {
  /** Bytes of messages a second, from the first `send` to the last arrival. */
  readonly bytesPerSecond: number;
  readonly refusals: number;
  /** BACKLOGs. */
  readonly notices: number;
  readonly longestPauseMs: number;
  /** The most that waited at the relay. */
  readonly queuedBytes: number;
}

export interface CarryOptions {
  readonly bytes: number;
  readonly channels?: number;
  /** What happens meanwhile. */
  readonly meanwhile?: (links: FarLinks, sender: Client, receiver: Client) => void;
}

/** Brings `bytes` from one client to another, over one channel or several, as fast as it goes. */
export function carry(from: Way, to: Way, { bytes, channels = 1, meanwhile }: CarryOptions): Carried {
  const links = new FarLinks();
  const { clock, router } = links;
  const [sender, receiver] = [links.client(from), links.client(to)];
  const opened = Array.from({ length: channels }, () => sender.open(receiver));
  clock.run(5_000, () => receiver.opened.length === channels);
  if (receiver.opened.length < channels) throw new Error('channels did not open');
  const count = Math.ceil(bytes / channels / MESSAGE_BYTES);
  const total = channels * count * MESSAGE_BYTES;
  const message = new Uint8Array(MESSAGE_BYTES);
  let queuedBytes = 0;
  const watch = (): void => {
    queuedBytes = Math.max(queuedBytes, router.queuedBytes);
    if (receiver.received < total) clock.at(clock.now + 1, watch);
  };
  watch();
  for (const channel of opened) sender.send(channel, ...Array(count).fill(message));
  meanwhile?.(links, sender, receiver);
  const ms = clock.run(600_000, () => receiver.received >= total);
  const { refusals, notices } = sender;
  return {
    bytesPerSecond: (receiver.received / ms) * 1_000,
    refusals,
    notices,
    longestPauseMs: receiver.longestPauseMs,
    queuedBytes,
  };
}
