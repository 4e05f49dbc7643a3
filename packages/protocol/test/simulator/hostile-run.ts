import { encodeHex, Identity } from '@sws/crypto';
import { MAX_FRAGMENT_BYTES } from '../../src/channel/data.js';
import type { MemoryLimits } from '../../src/channel/memory-budget.js';
import { MIN_WINDOW_BYTES } from '../../src/channel/payload.js';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import { type Channel, type ChannelEvent, ChannelTable, DEFAULT_CHANNEL_SETTINGS } from '../../src/index.js';
import { Violation } from './conversation.js';
import { countingProvider } from './counting-provider.js';
import { MemoryBounds, WorkBounds } from './hostile-bounds.js';
import { HostilePeer } from './hostile-peer.js';
import { doOnChannel, HOSTILITIES, type Hostility, PARTS } from './hostilities.js';
import { type Seeded, seeded } from './seeded.js';
import { toy } from './toy-provider.js';

/** What a run did, for figures. */
export interface HostileFigures {
  readonly done: ReadonlyMap<Hostility, number>;
  readonly frames: number;
  readonly mostMemoryBytes: number;
  readonly longestStepMs: number;
  /** How many times its first window a hostile channel's window has become, at most. */
  readonly widestWindow: number;
}

interface End {
  readonly table: ChannelTable;
  readonly key: Uint8Array;
  received: number;
}

const MIB = 1_048_576;
const MAX_MESSAGE = 300_000;
/** With the full window of a peer that is known. */
const MAX_CHANNEL = MIB + 8_192;
const STEPS = 8;
/** A run keeps to so few hostilities, most often: some defects show only where one is done many times. */
const FEW = 3;
/** Honest peers wait for an answer this long, at most. */
const PATIENCE_MS = 4_000;
/** Strangers enough to use up what all of them may cost. */
const FLOODERS = 8;

/**
 * A victim, hostile peers with many keys, and three honest ones: dialled, known, and one already talking. After every step
 * memory and work are within their bounds; at the end the honest ones have been served. @throws Violation
 */
export class HostileRun {
  readonly #random: Seeded;
  #now = 1_000_000;
  readonly #hostilities: readonly Hostility[];
  readonly #work: WorkBounds;
  readonly #memory: MemoryLimits;
  readonly #held: MemoryBounds;
  /** What the victim holds for honest peers. */
  readonly #honestHold: { readonly channels: number; readonly bytes: number };
  readonly #victim: End;
  readonly #honest: End[] = [];
  readonly #talks: { readonly end: End; readonly channel: Channel; sent: number }[] = [];
  readonly #hostile: HostilePeer[] = [];
  /** Whether the victim's application takes what hostile peers send. */
  readonly #takes: boolean;
  readonly #done = new Map<Hostility, number>();
  /** The victim's open channels, by peer. */
  readonly #opened = new Map<string, Channel[]>();
  /** Hostile peers that the victim has dialled. */
  readonly #dialled = new Set<string>();
  #frames = 0;
  #mostMemoryBytes = 0;
  #longestStepMs = 0;
  #widestWindow = 0;
  /** The window of a known peer, and to which that of a stranger grows by use. */
  readonly #windowBytes: number;

  constructor(seed: number) {
    const random = seeded(seed);
    this.#random = random;
    const maxMemoryBytes = random.pick([8, 16]) * MIB;
    this.#memory = {
      maxMemoryBytes,
      maxStrangerMemoryBytes: random.pick([2, 4]) * MIB,
      maxPeerMemoryBytes: random.pick([1, 4]) * MIB,
    };
    this.#windowBytes = random.pick([MIB / 4, MIB]);
    this.#held = new MemoryBounds(this.#memory, MAX_MESSAGE);
    this.#takes = random.chance(0.5);
    this.#hostilities = random.chance(0.8) ? Array.from({ length: FEW }, () => random.pick(HOSTILITIES)) : HOSTILITIES;
    const { provider, work } = countingProvider(toy);
    this.#work = new WorkBounds(work);
    const known = new Set<string>();
    this.#victim = this.#end('victim', provider, (peer) => known.has(peer));
    for (const name of ['dialled', 'known', 'talking']) this.#honest.push(this.#end(name, toy, () => true));
    const [dialled, named, talking] = this.#honest as [End, End, End];
    known.add(encodeHex(named.key));
    this.#talk(dialled, this.#victim);
    this.#talk(named, named);
    this.#talk(talking, talking);
    this.#exchange();
    // It has been answered: its peer's process took a message of the victim's application.
    for (const end of this.#honest) this.#answer(end);
    this.#honestHold = { channels: this.#victim.table.size, bytes: this.#victim.table.memoryBytes };
    for (let i = 1 + random.below(random.pick([3, 12])); i > 0; i--) this.#newHostile();
  }

  run(): HostileFigures {
    for (let step = 0; step < STEPS; step++) {
      const hostility = this.#random.pick(this.#hostilities);
      const before = process.cpuUsage();
      if (this.#act(hostility)) this.#done.set(hostility, (this.#done.get(hostility) ?? 0) + 1);
      this.#exchange();
      const { user, system } = process.cpuUsage(before);
      this.#longestStepMs = Math.max(this.#longestStepMs, (user + system) / 1_000);
      this.#check(hostility);
      this.#pass(this.#random.pick([0, 1, 20, 300]));
      if (this.#random.chance(0.1)) this.#honestMessage();
      if (this.#random.chance(0.05)) this.#victimDials();
    }
    if (this.#random.chance(0.9)) this.#checkHonest();
    else this.#checkOver();
    return {
      done: this.#done,
      frames: this.#frames,
      mostMemoryBytes: this.#mostMemoryBytes,
      longestStepMs: this.#longestStepMs,
      widestWindow: this.#widestWindow,
    };
  }

  /** What the victim says it holds for its peers. */
  get memoryBytes(): number {
    return this.#victim.table.memoryBytes;
  }

  #end(name: string, provider: typeof toy, isKnown: (peer: string) => boolean): End {
    const identity = Identity.fromSeed(toy.sha512(new TextEncoder().encode(name)).subarray(0, 32), provider);
    const end: End = {
      table: new ChannelTable({
        provider,
        random: seeded(this.#random.below(2 ** 31)).bytes,
        staticKey: identity,
        settings: { ...DEFAULT_CHANNEL_SETTINGS, windowBytes: this.#windowBytes, maxMessageBytes: MAX_MESSAGE },
        accept: () => true,
        isKnown,
        memory: this.#memory,
      }),
      key: identity.publicKeyBytes(),
      received: 0,
    };
    end.table.handleConnected(this.#now);
    return end;
  }

  /** Hands out what a table has to tell. */
  #tell(end: End): void {
    for (let notice = end.table.pollEvent(); notice !== null; notice = end.table.pollEvent())
      this.#saw(end, notice.channel, notice.event);
  }

  #saw(end: End, channel: Channel, event: ChannelEvent): void {
    if (event.type === 'open' && end === this.#victim) {
      this.#held.opened(channel.channelId);
      this.#opened.set(channel.peerAddress, [...(this.#opened.get(channel.peerAddress) ?? []), channel]);
    }
    if (event.type === 'close' && end === this.#victim) this.#held.ended(channel.channelId);
    if (event.type !== 'message') return;
    const hostile = this.#hostile.some(({ identity }) => identity.publicKey === channel.peerAddress);
    if (!hostile) end.received++;
    if (!hostile || this.#takes) end.table.handleCommand(channel, { type: 'delivered' }, this.#now);
    else this.#held.waits(channel.channelId, (typeof event.data === 'string' ? 2 : 1) * event.data.length);
  }

  /** A channel between an honest peer and the victim, opened by `from`. */
  #talk(end: End, from: End): void {
    const to = from === this.#victim ? end.key : this.#victim.key;
    const channel = from.table.open(to, { resource: '/', protocols: [], waitUntilMs: 0 }, this.#now);
    this.#talks.push({ end, channel, sent: 0 });
  }

  /** The victim's application says something to an honest peer. */
  #answer(end: End): void {
    for (const channel of this.#opened.get(encodeHex(end.key)) ?? []) {
      this.#victim.table.handleCommand(channel, { type: 'send', data: 'answer' }, this.#now);
    }
    this.#exchange();
    this.#pass(100);
  }

  #newHostile(): HostilePeer {
    const peer: HostilePeer = new HostilePeer(this.#hostile.length, this.#random, this.#victim.key, (from, content) => {
      this.#frames++;
      const { publicKey } = peer.identity;
      this.#work.during(content, publicKey, this.#dialled.has(publicKey) ? 'known' : 'stranger', this.#now, () =>
        this.#victim.table.handleMessage(from, content, this.#now),
      );
      this.#tell(this.#victim);
    });
    this.#hostile.push(peer);
    return peer;
  }

  /** The victim's application dials a hostile peer, which happens. */
  #victimDials(peer = this.#random.pick(this.#hostile)): void {
    const { key, identity } = peer;
    this.#dialled.add(identity.publicKey);
    this.#victim.table.open(key, { resource: '/', protocols: [], waitUntilMs: 0 }, this.#now);
    this.#exchange();
  }

  #honestMessage(): void {
    for (const talk of this.#talks) {
      if (talk.end === this.#honest[0]) continue;
      const data = new Uint8Array(this.#random.below(2_000));
      talk.end.table.handleCommand(talk.channel, { type: 'send', data }, this.#now);
      talk.sent++;
    }
    this.#exchange();
  }

  /** Does one of the things that a hostile peer may do; false where there is nothing to do it with. */
  #act(hostility: Hostility): boolean {
    const random = this.#random;
    const peer = random.chance(0.1) && this.#hostile.length < 60 ? this.#newHostile() : random.pick(this.#hostile);
    const times = random.pick([1, 4, 12, 40]);
    const repeat = (action: () => void): true => {
      for (let i = 0; i < times; i++) action();
      return true;
    };
    switch (hostility) {
      case 'open':
        peer.open();
        return true;
      case 'many channels':
        for (let i = 0; i < 8; i++) {
          peer.open();
          this.#exchange();
        }
        return true;
      case 'many partial messages':
        for (const each of this.#hostile.slice(0, 8))
          while (each.channels.length < 14) {
            const { length } = each.channels;
            each.open();
            this.#exchange();
            if (each.channels.length === length) break;
          }
        for (let i = 0; i < PARTS; i++) {
          for (const { channels } of this.#hostile)
            for (const channel of channels) channel.fragment(false, new Uint8Array(MAX_FRAGMENT_BYTES));
          this.#exchange();
        }
        return true;
      case 'open and forget':
        return repeat(() => peer.open(true));
      case 'flood of OPEN':
        return repeat(() => peer.open());
      case 'bogus OPENs':
        return repeat(() => peer.bogusOpen());
      case 'bogus ACCEPTs':
        if (peer.opens.length === 0) this.#victimDials(peer);
        return peer.opens.length > 0 && repeat(() => peer.accept(true));
      case 'ACCEPT':
        if (peer.opens.length === 0) this.#victimDials(peer);
        if (peer.opens.length === 0) return false;
        peer.accept(false);
        return true;
      case 'strays':
        return repeat(() => peer.stray());
      case 'flood of RESET': {
        const id = peer.channels[0]?.id ?? random.bytes(16);
        return repeat(() => peer.reset(id));
      }
      default: {
        if (peer.channels.length === 0) {
          peer.open();
          this.#exchange();
        }
        if (peer.channels.length === 0) return false;
        if (hostility === 'rekey') this.#work.rekeys++;
        doOnChannel(random.pick(peer.channels), hostility, { random, times, exchange: () => this.#exchange() });
        return true;
      }
    }
  }

  #pass(ms: number): void {
    const until = this.#now + ms;
    for (let turns = 0; turns < 200; turns++) {
      const next = Math.min(...this.#ends.map(({ table }) => table.nextWakeAtMs));
      if (next > until) break;
      this.#now = Math.max(this.#now, next);
      for (const end of this.#ends) {
        end.table.handleTimeout(this.#now);
        this.#tell(end);
      }
      this.#exchange();
    }
    this.#now = until;
  }

  get #ends(): End[] {
    return [this.#victim, ...this.#honest];
  }

  /** Carries what everybody has to send until nothing moves. */
  #exchange(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (let message = this.#victim.table.pollFrame(this.#now); message !== null; ) {
        moved = true;
        this.#fromVictim(message.slice());
        message = this.#victim.table.pollFrame(this.#now);
      }
      for (const { table, key } of this.#honest)
        for (let message = table.pollFrame(this.#now); message !== null; message = table.pollFrame(this.#now)) {
          moved = true;
          this.#victim.table.handleMessage(key, message.slice(MESSAGE_HEAD_BYTES), this.#now);
          this.#tell(this.#victim);
        }
    }
  }

  #fromVictim(message: Uint8Array): void {
    const to = message.subarray(1, MESSAGE_HEAD_BYTES);
    const content = message.subarray(MESSAGE_HEAD_BYTES);
    const is = ({ key }: { readonly key: Uint8Array }): boolean => Buffer.compare(key, to) === 0;
    const honest = this.#honest.find(is);
    honest?.table.handleMessage(this.#victim.key, content, this.#now);
    if (honest !== undefined) this.#tell(honest);
    this.#hostile.find(is)?.receive(content);
  }

  /** Memory and work, after every step. */
  #check(hostility: Hostility): void {
    const { memoryBytes } = this.#victim.table;
    this.#mostMemoryBytes = Math.max(this.#mostMemoryBytes, memoryBytes);
    for (const channels of this.#opened.values())
      for (const { account } of channels)
        this.#widestWindow = Math.max(this.#widestWindow, account.windowBytes / this.#windowBytes);
    const { maxMemoryBytes, maxStrangerMemoryBytes } = this.#memory;
    // Three honest peers have a channel or two each; peers that the victim has dialled share what strangers can't have.
    const known = this.#dialled.size === 0 ? 6 * MAX_CHANNEL : maxMemoryBytes - maxStrangerMemoryBytes;
    // A text may take twice its window, and one message of each share may finish although there is no room.
    const bound = 1.5 * (known + maxStrangerMemoryBytes) + 4 * MAX_MESSAGE;
    try {
      if (memoryBytes > bound) throw new Violation(`${memoryBytes} bytes are held, at most ${bound} may be`);
      const { channels, bytes } = this.#honestHold;
      this.#held.check(memoryBytes - bytes, this.#victim.table.size - channels, this.#hostile, (peer) =>
        this.#dialled.has(peer),
      );
    } catch (violation) {
      throw new Violation(`after ${hostility}: ${(violation as Violation).message}`);
    }
  }

  /** Peers that have fallen silent hold nothing: what is left is the honest ones'. */
  #checkOver(): void {
    // In 240 s all that a peer can do to a channel has ended: silence, half-open, tombstones.
    for (let waited = 0; waited < 240_000; waited += 5_000) this.#pass(5_000);
    const more = this.#victim.table.memoryBytes - this.#honestHold.bytes;
    if (more > MIN_WINDOW_BYTES) throw new Violation(`${more} bytes are still held for peers that are gone`);
  }

  /** Those that are dialled, known or have talked get an answer, and a new channel; what they sent has arrived. */
  #checkHonest(): void {
    for (const talk of this.#talks)
      if (talk.channel.phase !== 'open') throw new Violation('an honest channel has ended');
    this.#honestMessage();
    // Strangers have used up what they may cost.
    while (this.#hostile.length < FLOODERS) this.#newHostile();
    const flood = (each: number): void => {
      for (const peer of this.#hostile.slice(0, FLOODERS)) for (let i = 0; i < each; i++) peer.bogusOpen();
    };
    flood(16);
    // So often that nothing is left at any moment, or now and then.
    const every = this.#random.chance(0.05) ? 10 : 500;
    const fresh = this.#honest.slice(1).map((end) => {
      const offer = { resource: '/', protocols: [], waitUntilMs: 0 };
      return end.table.open(this.#victim.key, offer, this.#now);
    });
    this.#exchange();
    // The attack goes on beside it.
    for (let waited = 0; waited < PATIENCE_MS; waited += every) {
      flood(1);
      this.#pass(every);
    }
    for (const channel of fresh)
      if (channel.phase !== 'open') throw new Violation(`a known peer got no ACCEPT in ${PATIENCE_MS} ms`);
    const sent = this.#talks.reduce((sum, talk) => sum + talk.sent, 0);
    if (this.#victim.received !== sent)
      throw new Violation(`${this.#victim.received} of ${sent} honest messages have arrived`);
  }
}
