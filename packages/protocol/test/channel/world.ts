import { type CryptoProvider, Identity, type RandomBytes } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import {
  type Channel,
  type ChannelCommand,
  type ChannelEvent,
  ChannelTable,
  DEFAULT_CHANNEL_SETTINGS,
  type StaticKey,
} from '../../src/index.js';
import { seeded } from '../simulator/seeded.js';

/** What the machines of an end are given from outside. */
export interface Seam {
  readonly provider: CryptoProvider;
  random(random: RandomBytes): RandomBytes;
  staticKey(identity: Identity): StaticKey;
}

const PLAIN: Seam = { provider: nodeProvider, random: (random) => random, staticKey: (identity) => identity };

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
    seam: Seam = PLAIN,
  ) {
    const random = seeded(seed).bytes;
    while (this.ends.length < 2) {
      const identity = Identity.generate(random, nodeProvider);
      const table = new ChannelTable({
        provider: seam.provider,
        random: seam.random(random),
        staticKey: seam.staticKey(identity),
        settings: { ...DEFAULT_CHANNEL_SETTINGS, ...settings },
        accept,
        isKnown: () => true,
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
      table.handleConnected(this.now);
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
    this.command(index, { type: 'send', data });
  }

  close(index: number, code: number, reason: string): void {
    this.command(index, { type: 'close', code, reason });
  }

  /** Does something with the channel of an end. */
  command(index: number, command: ChannelCommand): void {
    const { table, channel } = this.end(index);
    if (channel !== null) table.handleCommand(channel, command, this.now);
    this.tell();
  }

  /** Hands out what the tables have to tell. */
  tell(): void {
    for (const [index, { table }] of this.ends.entries())
      for (let notice = table.pollEvent(); notice !== null; notice = table.pollEvent())
        this.#tell(index, notice.channel, notice.event);
  }

  /** Delivers everything in flight until nothing moves; time stands still. */
  run(): void {
    this.tell();
    for (let moved = true; moved; ) {
      moved = false;
      for (const index of [0, 1]) {
        for (
          let frame = this.end(index).table.pollFrame(this.now);
          frame !== null;
          frame = this.end(index).table.pollFrame(this.now)
        ) {
          this.#send(index, frame.slice());
          moved = true;
        }
      }
      const batch = this.queue;
      this.queue = [];
      for (const flying of batch) {
        moved = true;
        for (const { to, message } of this.relay(flying)) {
          this.end(to).table.handleMessage(
            this.end(1 - to).identity.publicKeyBytes(),
            message.subarray(MESSAGE_HEAD_BYTES).slice(),
            this.now,
          );
          this.tell();
        }
      }
    }
  }

  /** Lets virtual time pass, timer by timer. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let steps = 0; steps < 100_000; steps++) {
      const due = Math.min(...this.ends.map(({ table }) => table.nextWakeAtMs));
      if (due > until) break;
      this.now = Math.max(this.now, due);
      for (const { table } of this.ends) table.handleTimeout(this.now);
      this.run();
    }
    this.now = until;
  }

  #send(from: number, message: Uint8Array): void {
    this.queue.push({ to: 1 - from, message });
  }

  #tell(index: number, channel: Channel, event: ChannelEvent): void {
    const end = this.end(index);
    end.channel ??= channel;
    end.events.push(event.type);
    if (event.type === 'close') {
      end.end = event;
      end.bufferedAtClose = channel.bufferedAmount;
    }
    if (event.type === 'message') {
      end.received.push(event.data);
      if (end.consume) end.table.handleCommand(channel, { type: 'delivered' }, this.now);
    }
  }
}
