import { type CryptoProvider, encodeHex, Identity } from '@sws/crypto';
import type { KIND } from '../../src/channel/channel-frame.js';
import {
  type Channel,
  type ChannelCommand,
  type ChannelEvent,
  ChannelTable,
  DEFAULT_CHANNEL_SETTINGS,
  decodeMessage,
} from '../../src/index.js';
import { unhex } from './read-vectors.js';

/** What a channel's vector says about its handshake. */
export interface ChannelVector {
  readonly initiatorSeed: string;
  readonly responderSeed: string;
  readonly channelId: string;
  readonly eaSecret: string;
  readonly kemSeed: string;
  readonly ebSecret: string;
  readonly kemRandom: string;
  readonly open: { readonly resource: string; readonly protocols: readonly string[]; readonly limit: number };
  readonly accept: { readonly protocol: string; readonly limit: number };
}

/** The real machine of one end, with the randomness of a vector: it must send what the vector says, byte for byte. */
export class ScriptedEnd {
  readonly table: ChannelTable;
  readonly events: ChannelEvent[] = [];
  /** Contents that went out, in hex. */
  readonly sent: string[] = [];
  channel: Channel | null = null;
  nowMs = 1_000_000;
  readonly #peer: Uint8Array;
  readonly #vector: ChannelVector;

  constructor(
    role: 'initiator' | 'responder',
    provider: CryptoProvider,
    vector: ChannelVector,
    secrets: readonly string[],
    settings: { readonly maxMessageBytes?: number } = {},
  ) {
    const own = role === 'initiator' ? vector.initiatorSeed : vector.responderSeed;
    const other = role === 'initiator' ? vector.responderSeed : vector.initiatorSeed;
    this.#vector = vector;
    this.#peer = Identity.fromSeed(unhex(other), provider).publicKeyBytes();
    const handshake = role === 'initiator' ? [vector.eaSecret] : [vector.kemRandom, vector.ebSecret];
    const drawn = [...handshake, ...secrets];
    let counter = 0;
    this.table = new ChannelTable({
      provider,
      random(length) {
        if (length === 64) return unhex(vector.kemSeed);
        if (length === 16) return unhex(vector.channelId);
        if (length === 32) return unhex(drawn.shift() ?? '');
        // Ids of questions and nonces of RESETs: anything fresh.
        return new Uint8Array(length).fill(++counter);
      },
      staticKey: Identity.fromSeed(unhex(own), provider),
      settings: {
        ...DEFAULT_CHANNEL_SETTINGS,
        windowBytes: role === 'initiator' ? vector.open.limit : vector.accept.limit,
        ...settings,
      },
      accept: () => ({ protocol: vector.accept.protocol }),
      isKnown: () => true,
    });
    this.table.handleConnected(this.nowMs);
  }

  /** The initiator's OPEN goes out. */
  open(): void {
    const { resource, protocols } = this.#vector.open;
    this.channel = this.table.open(this.#peer, { resource, protocols, waitUntilMs: 0 }, this.nowMs);
    this.flush();
  }

  /** `stalled`: nothing is sent in return yet. */
  receive(content: Uint8Array, stalled = false): void {
    this.table.handleMessage(this.#peer, content, this.nowMs);
    this.#tell();
    if (!stalled) this.flush();
  }

  /** Does something with the channel; what that leads to waits for `flush`. */
  command(command: ChannelCommand): void {
    if (this.channel === null) throw new Error('no channel');
    this.table.handleCommand(this.channel, command, this.nowMs);
  }

  /** What is due by now is done; what that leads to waits for `flush`. */
  wake(): void {
    this.table.handleTimeout(this.nowMs);
    this.#tell();
  }

  #tell(): void {
    for (let notice = this.table.pollEvent(); notice !== null; notice = this.table.pollEvent()) {
      this.channel = notice.channel;
      this.events.push(notice.event);
      if (notice.event.type === 'message') this.command({ type: 'delivered' });
    }
  }

  /** Everything that may go out does. */
  flush(): void {
    for (let message = this.table.pollFrame(this.nowMs); message !== null; ) {
      const decoded = decodeMessage(message);
      if (!decoded.ok) throw new Error('a machine sent something that is no MESSAGE');
      this.sent.push(encodeHex(decoded.value.content));
      message = this.table.pollFrame(this.nowMs);
    }
  }

  /** Of what went out, the frames of one kind. */
  sentOf(kind: (typeof KIND)[keyof typeof KIND]): string[] {
    return this.sent.filter((content) => content.startsWith(`0${kind}`));
  }

  /** The messages and the close that the application has seen, as vectors write them. */
  get delivered(): unknown[] {
    return this.events.flatMap((event): unknown[] => {
      if (event.type === 'message')
        return [typeof event.data === 'string' ? { text: event.data } : { binary: encodeHex(event.data) }];
      if (event.type !== 'close') return [];
      const { code, reason, wasClean, failure } = event.end;
      return [wasClean ? { close: { code, reason } } : { failure: failure?.code }];
    });
  }
}
