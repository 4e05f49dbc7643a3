import { type CryptoProvider, Identity, type RandomBytes } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { type Channel, ChannelTable, DEFAULT_CHANNEL_SETTINGS, type RelayFrame } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import type { RegisteredSocket, Router } from '../../src/index.js';
import { keyBytes } from '../fake-socket.js';
import type { Clock } from './clock.js';
import { Pipe } from './pipe.js';

/** As in `@sws/client`. */
const MAX_TRANSPORT_BYTES = 1_048_576;
const DRAIN_POLL_MS = 10;
const TAG_BYTES = 16;
const NOTICE_BYTES = 200;

/** Boxes that only their key opens, and that cost no time to speak of. */
const provider: CryptoProvider = {
  ...nodeProvider,
  secretboxSeal(key, _nonce, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
    into.set(key.subarray(0, TAG_BYTES));
    into.set(plaintext, TAG_BYTES);
    return into;
  },
  secretboxOpen(key, _nonce, box, into = new Uint8Array(box.length - TAG_BYTES)) {
    for (let i = 0; i < TAG_BYTES; i++) if (box[i] !== key[i]) return null;
    into.set(box.subarray(TAG_BYTES));
    return into;
  },
};

function randomFrom(seed: number): RandomBytes {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
  return (length) => Uint8Array.from({ length }, next);
}

/** What one client's way to the relay is like; bytes a second. */
export interface Way {
  readonly up: number;
  readonly down: number;
  /** One way, ms. */
  readonly delayMs: number;
  /** What the kernel holds in each direction. @defaultValue 256 KiB */
  readonly kernelBytes?: number;
  /** What the client's process seals, and opens. @defaultValue 200 MB */
  readonly cpu?: number;
}

/** A client behind a way of its own: the real `ChannelTable`, and the shell that `@sws/client` puts around it. */
export class Client implements RegisteredSocket {
  readonly publicKey: string;
  readonly publicKeyBytes: Uint8Array;
  readonly term = 1;
  readonly network = null;
  readonly table: ChannelTable;
  readonly up: Pipe;
  readonly down: Pipe;
  onmessage: ((message: Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onclose: (() => void) | null = null;
  /** What the application does with a message; without it, nothing but to take it. */
  hear: (channel: Channel, data: string | Uint8Array) => void = () => {};
  readonly opened: Channel[] = [];
  received = 0;
  /** When bytes last arrived, and the longest time without any since the first. */
  receivedAt = 0;
  longestPauseMs = 0;
  refusals = 0;
  notices = 0;
  readonly #clock: Clock;
  readonly #cpu: number;
  #sealsUntil = 0;
  #opensUntil = 0;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(
    clock: Clock,
    router: Router,
    seed: number,
    { up, down, delayMs, kernelBytes = 262_144, cpu = 2e8 }: Way,
  ) {
    const random = randomFrom(seed);
    const identity = Identity.generate(random, provider);
    this.#clock = clock;
    this.#cpu = cpu / 1_000;
    this.up = new Pipe(clock, up / 1_000, delayMs, kernelBytes);
    this.down = new Pipe(clock, down / 1_000, delayMs, kernelBytes);
    this.publicKey = identity.publicKey;
    this.publicKeyBytes = identity.publicKeyBytes();
    this.table = new ChannelTable({
      provider,
      random,
      staticKey: identity,
      settings: DEFAULT_CHANNEL_SETTINGS,
      accept: () => true,
    });
    router.add(this);
    this.table.handleConnected(clock.now);
  }

  open(to: Client): Channel {
    const channel = this.table.open(
      to.publicKeyBytes,
      { resource: '/', protocols: [], waitUntilMs: 0 },
      this.#clock.now,
    );
    this.#pump();
    return channel;
  }

  send(channel: Channel, ...messages: readonly Uint8Array[]): void {
    for (const data of messages) this.table.handleCommand(channel, { type: 'send', data }, this.#clock.now);
    this.#pump();
  }

  deliver(message: Uint8Array): void {
    const taken = (): void => this.onwritten?.(1);
    this.down.send(message.length, () => this.#arrived(message), taken);
  }

  notify(frame: RelayFrame): void {
    this.down.send(NOTICE_BYTES, () => {
      if (frame.type === 'UNDELIVERABLE') {
        if (frame.code === 'congested') this.refusals++;
        this.table.handleUndeliverable(
          keyBytes(frame.to),
          new Uint8Array(Buffer.from(frame.head, 'hex')),
          frame.code,
          this.#clock.now,
        );
      }
      if (frame.type === 'BACKLOG') {
        this.notices++;
        this.table.handleBacklog(frame.to);
      }
      this.#pump();
    });
  }

  close(): void {}

  #arrived(message: Uint8Array): void {
    const clock = this.#clock;
    this.#opensUntil = Math.max(clock.now, this.#opensUntil) + message.length / this.#cpu;
    clock.at(this.#opensUntil, () => {
      this.table.handleMessage(
        message.subarray(1, MESSAGE_HEAD_BYTES),
        message.subarray(MESSAGE_HEAD_BYTES),
        clock.now,
      );
      this.#pump();
    });
  }

  #pump(): void {
    const clock = this.#clock;
    this.#tell();
    while (this.up.outsideBytes < MAX_TRANSPORT_BYTES) {
      if (this.#sealsUntil > clock.now) return this.#wake(this.#sealsUntil);
      const frame = this.table.pollFrame(clock.now);
      if (frame === null) return this.#wake(this.table.nextWakeAtMs);
      this.#sealsUntil = clock.now + frame.length / this.#cpu;
      // The transport has copied it: the relay writes the sender's key into it.
      const copy = frame.slice();
      this.up.send(copy.length, () => this.onmessage?.(copy));
    }
    this.#wake(clock.now + DRAIN_POLL_MS);
  }

  #wake(atMs: number): void {
    if (atMs >= this.#wakeAt) return;
    this.#wakeAt = atMs;
    this.#clock.at(atMs, () => {
      if (this.#wakeAt !== atMs) return;
      this.#wakeAt = Number.POSITIVE_INFINITY;
      if (this.table.nextWakeAtMs <= this.#clock.now) this.table.handleTimeout(this.#clock.now);
      this.#pump();
    });
  }

  #tell(): void {
    for (let notice = this.table.pollEvent(); notice !== null; notice = this.table.pollEvent()) {
      const { channel, event } = notice;
      if (event.type === 'open') this.opened.push(channel);
      else if (event.type === 'close') throw new Error(`a channel closed: ${JSON.stringify(event.end)}`);
      else if (event.type === 'message') {
        const { now } = this.#clock;
        if (this.received > 0) this.longestPauseMs = Math.max(this.longestPauseMs, now - this.receivedAt);
        this.receivedAt = now;
        this.received += event.data.length;
        this.hear(channel, event.data);
        this.table.handleCommand(channel, { type: 'delivered' }, now);
      }
    }
  }
}
