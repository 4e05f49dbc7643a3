import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import {
  type Channel,
  type ChannelEvent,
  ChannelTable,
  DEFAULT_CHANNEL_SETTINGS,
  MESSAGE_HEAD_BYTES,
} from '../../src/index.js';
import { seeded } from '../simulator/seeded.js';

export interface Flying {
  readonly to: number;
  readonly message: Uint8Array;
}

/** Two tables and a relay between them whose behaviour a test chooses, in virtual time. */
export class World {
  now = 1_000_000;
  readonly ends: {
    table: ChannelTable;
    identity: Identity;
    channel: Channel | null;
    received: (string | Uint8Array)[];
    events: string[];
    end: ChannelEvent | null;
    consume: boolean;
    bufferedAtClose: number;
  }[] = [];
  queue: Flying[] = [];
  /** What the relay does to a frame: the frames that go on. */
  relay: (flying: Flying) => Flying[] = (flying) => [flying];

  constructor(
    seed: number,
    settings: Partial<typeof DEFAULT_CHANNEL_SETTINGS> = {},
    accept: () => boolean | { protocol?: string } = () => true,
  ) {
    const random = seeded(seed).bytes;
    for (const index of [0, 1]) {
      const identity = Identity.generate(random, nodeProvider);
      const table = new ChannelTable({
        provider: nodeProvider,
        random,
        staticKey: identity,
        settings: { ...DEFAULT_CHANNEL_SETTINGS, ...settings },
        accept,
        emit: (channel, event) => this.#emit(index, channel, event),
      });
      this.ends.push({
        table,
        identity,
        channel: null,
        received: [],
        events: [],
        end: null,
        consume: true,
        bufferedAtClose: 0,
      });
      table.connected(this.now);
    }
  }

  end(index: number) {
    const end = this.ends[index];
    if (end === undefined) throw new Error('no such end');
    return end;
  }

  open(resource = '/', protocols: string[] = []): Channel {
    const end = this.end(0);
    end.channel = end.table.open(
      this.end(1).identity.publicKeyBytes(),
      { resource, protocols, waitUntilMs: 0 },
      this.now,
    );
    this.run();
    return end.channel;
  }

  send(index: number, data: string | Uint8Array): void {
    this.end(index).channel?.send(data, this.now);
  }

  close(index: number, code: number, reason: string): void {
    this.end(index).channel?.close(code, reason, this.now);
  }

  /** Delivers everything in flight until nothing moves; time stands still. */
  run(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const index of [0, 1]) {
        for (
          let frame = this.end(index).table.nextFrame(this.now);
          frame !== null;
          frame = this.end(index).table.nextFrame(this.now)
        ) {
          this.#send(index, frame);
          moved = true;
        }
      }
      const batch = this.queue;
      this.queue = [];
      for (const flying of batch) {
        moved = true;
        for (const { to, message } of this.relay(flying)) {
          this.end(to).table.receive(
            this.end(1 - to).identity.publicKeyBytes(),
            message.subarray(MESSAGE_HEAD_BYTES).slice(),
            this.now,
          );
        }
      }
    }
  }

  /** Lets virtual time pass, timer by timer. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let steps = 0; steps < 100_000; steps++) {
      const due = this.ends.map(({ table }) => table.wakeAtMs).filter((at) => at !== null && at <= until);
      if (due.length === 0) break;
      this.now = Math.max(this.now, Math.min(...(due as number[])));
      for (const { table } of this.ends) table.wake(this.now);
      this.run();
    }
    this.now = until;
  }

  #send(from: number, message: Uint8Array): void {
    this.queue.push({ to: 1 - from, message });
  }

  #emit(index: number, channel: Channel, event: ChannelEvent): void {
    const end = this.end(index);
    end.channel ??= channel;
    end.events.push(event.type);
    if (event.type === 'close') {
      end.end = event;
      end.bufferedAtClose = channel.bufferedAmount;
    }
    if (event.type === 'message') {
      end.received.push(event.data);
      if (end.consume) channel.delivered(this.now);
    }
  }
}
