import { MIN_WINDOW_BYTES } from './payload.js';

/** Charged for every channel from its OPEN to the end of its tombstone: keys, handshake frames and objects. */
export const CHANNEL_CHARGE_BYTES = 8_192;
const MIB = 1_048_576;

/** Limits of the memory that peers can make an endpoint hold (PROTOCOL §4, Memory). */
export interface MemoryLimits {
  /** The limit of all peers together. */
  readonly maxMemoryBytes: number;
  /** The limit of all peers that the endpoint has not dialled and does not know. The others have the rest. */
  readonly maxStrangerMemoryBytes: number;
  /** The limit of each peer. */
  readonly maxPeerMemoryBytes: number;
}

export const DEFAULT_MEMORY_LIMITS: MemoryLimits = {
  maxMemoryBytes: 256 * MIB,
  maxStrangerMemoryBytes: 128 * MIB,
  maxPeerMemoryBytes: 36 * MIB,
};

/**
 * Memory that many peers share. No peer may have more than the free part, so that the next peer gets some too (the
 * dynamic threshold of Choudhury and Hahne, as at the relay).
 */
class Pool {
  readonly #limitBytes: number;
  readonly #peerLimitBytes: number;
  readonly #byPeer = new Map<string, number>();
  usedBytes = 0;

  constructor(limitBytes: number, peerLimitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#peerLimitBytes = peerLimitBytes;
  }

  /** Whether a peer may have `bytes` more within the first `part` of its own limit. */
  peerHasRoom(peer: string, bytes: number, part = 1): boolean {
    return (this.#byPeer.get(peer) ?? 0) + bytes <= this.#peerLimitBytes * part;
  }

  /** Whether `peer` may have `bytes` more within the first `part` of the shared memory. */
  hasRoom(peer: string, bytes: number, part = 1): boolean {
    return (this.#byPeer.get(peer) ?? 0) + bytes <= this.#limitBytes * part - this.usedBytes;
  }

  /**
   * How much more `peer` may have within the first `part` of the shared memory and the first `peerPart` of its own
   * limit.
   */
  roomFor(peer: string, part: number, peerPart: number): number {
    const of = this.#byPeer.get(peer) ?? 0;
    return Math.min(this.#limitBytes * part - this.usedBytes, this.#peerLimitBytes * peerPart) - of;
  }

  /** Adds `bytes`, or removes them if negative, without regard to the limits. */
  add(peer: string, bytes: number): void {
    this.usedBytes += bytes;
    const of = (this.#byPeer.get(peer) ?? 0) + bytes;
    if (of === 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, of);
  }
}

/** The memory of all strangers, or of all other peers. */
class Share {
  /** Memory for channels, each with the smallest window. */
  readonly channels: Pool;
  /** Memory for larger windows, and for messages beyond the windows of their channels. */
  readonly more: Pool;
  /** The channel whose partial message may grow to its end although there is no room. */
  finisher: ChannelAccount | null = null;
  readonly peerFinishers = new Map<string, ChannelAccount>();

  /** How many channels of each peer could use a larger window than the smallest. */
  readonly wanting = new Map<string, number>();

  readonly isForStrangers: boolean;
  readonly #peerWindowBytes: number;

  constructor(isForStrangers: boolean, limitBytes: number, peerLimitBytes: number) {
    this.isForStrangers = isForStrangers;
    this.#peerWindowBytes = (peerLimitBytes / 2) * GROWN_PART;
    this.channels = new Pool(limitBytes / 2, peerLimitBytes / 2);
    this.more = new Pool(limitBytes / 2, peerLimitBytes / 2);
  }

  /** The size to which a window of `peer` may grow. Its channels that want more than the smallest have equal parts. */
  maxWindowBytes(peer: string): number {
    return MIN_WINDOW_BYTES + Math.floor(this.#peerWindowBytes / (this.wanting.get(peer) ?? 1));
  }

  /** Counts one channel more, or less, of a peer that wants more than the smallest window. */
  countWanting(peer: string, by: number): void {
    const count = (this.wanting.get(peer) ?? 0) + by;
    if (count === 0) this.wanting.delete(peer);
    else this.wanting.set(peer, count);
  }
}

/**
 * The standing of a peer at an endpoint. It is known if it was dialled or the application names it. It is talking if
 * its process has acknowledged a message of the application.
 */
export type Standing = 'stranger' | 'talking' | 'known';

/** The part of the strangers' memory for channels that strangers may use who have not talked yet. */
const NEW_PART = 3 / 4;
/** The part of their pool, and of a peer's limit, that larger windows may use. The rest is for messages. */
const GROWN_PART = 3 / 4;
/** Windows for far links may grow only while no more than this part of the pool is used … */
export const FAR_PART = 1 / 2;
/** … and a stranger starts with a larger window than the smallest only while no more than this part is used. */
const FIRST_PART = 1 / 8;
/** The memory of a new channel. */
const LEAST_BYTES = CHANNEL_CHARGE_BYTES + MIN_WINDOW_BYTES;

/** The memory that one channel may use, and its charge to the peer's and the endpoint's budget. */
export class ChannelAccount {
  readonly #budget: MemoryBudget;
  readonly #share: Share;
  readonly #peer: string;
  #state: 'open' | 'closed' | 'released' = 'open';
  #borrowedBytes = 0;
  #wantsMore = false;
  /** The credit of the peer without borrowed memory. */
  windowBytes = MIN_WINDOW_BYTES;

  /** Only `MemoryBudget` calls this. */
  constructor(budget: MemoryBudget, share: Share, peer: string) {
    this.#budget = budget;
    this.#share = share;
    this.#peer = peer;
    share.channels.add(peer, LEAST_BYTES);
  }

  /** Whether the account belongs to the share of strangers. */
  get isForStranger(): boolean {
    return this.#share.isForStrangers;
  }
  /** How many channels of the peer want more than the smallest window; 1 if none does. */
  get channels(): number {
    return this.#share.wanting.get(this.#peer) ?? 1;
  }
  get borrowedBytes(): number {
    return this.#borrowedBytes;
  }

  /**
   * Makes the window `bytes` large, or as large as there is room within the first `part` of the pool. If many channels
   * of the peer want more, it shrinks to an equal part. What the peer may still send is then borrowed, and given back
   * as it arrives.
   */
  resize(bytes: number, part = GROWN_PART): void {
    const share = this.#share;
    if (bytes > MIN_WINDOW_BYTES && !this.#wantsMore) {
      this.#wantsMore = true;
      share.countWanting(this.#peer, 1);
    }
    const wanted = Math.max(MIN_WINDOW_BYTES, Math.min(bytes, share.maxWindowBytes(this.#peer))) - this.windowBytes;
    const room = share.more.roomFor(this.#peer, part, GROWN_PART);
    const by = wanted < 0 ? wanted : Math.max(0, Math.floor(Math.min(wanted, room)));
    if (by === 0) return;
    this.#changeWindow(by);
    if (by < 0) this.#budget.freed = true;
  }

  #changeWindow(by: number): void {
    this.#share.more.add(this.#peer, by);
    this.windowBytes += by;
  }

  /**
   * Borrows beyond the window for a partial message. Without room, a channel that is `stuck` may borrow all the same,
   * but only one per peer and one per share at a time. Therefore every message can be completed.
   */
  borrow(bytes: number, stuck: boolean): boolean {
    const share = this.#share;
    const peer = this.#peer;
    const peerHasRoom = share.more.peerHasRoom(peer, bytes);
    const hasRoom = share.more.hasRoom(peer, bytes);
    if (!peerHasRoom || !hasRoom) {
      if (!stuck) return false;
      const finisher = share.peerFinishers.get(peer) ?? this;
      if (finisher !== this) return false;
      share.peerFinishers.set(peer, this);
      if (!hasRoom && (share.finisher ?? this) !== this) return false;
      if (!hasRoom) share.finisher = this;
    }
    this.overdraw(bytes);
    return true;
  }

  /** Borrows memory that is held already, without regard to the limits. */
  overdraw(bytes: number): void {
    this.#borrowedBytes += bytes;
    this.#share.more.add(this.#peer, bytes);
  }

  /** Gives back borrowed memory. */
  repay(bytes: number): void {
    if (bytes === 0) return;
    this.#borrowedBytes -= bytes;
    this.#share.more.add(this.#peer, -bytes);
    this.#budget.freed = true;
  }

  /** A message was delivered. If it was the one that borrowed without room, another message may do so now. */
  finished(): void {
    const share = this.#share;
    if (share.finisher === this) share.finisher = null;
    if (share.peerFinishers.get(this.#peer) === this) share.peerFinishers.delete(this.#peer);
    this.#budget.freed = true;
  }

  /** The channel is now a tombstone and holds no data. Only the channel itself is charged. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    this.#share.channels.add(this.#peer, -MIN_WINDOW_BYTES);
    this.#changeWindow(MIN_WINDOW_BYTES - this.windowBytes);
    this.windowBytes = 0;
    if (this.#wantsMore) this.#share.countWanting(this.#peer, -1);
    this.repay(this.#borrowedBytes);
    this.finished();
  }

  /** The channel is gone. */
  release(): void {
    this.close();
    if (this.#state === 'released') return;
    this.#state = 'released';
    this.#share.channels.add(this.#peer, -CHANNEL_CHARGE_BYTES);
    this.#budget.freed = true;
  }
}

/** The memory of one endpoint, in two shares: of strangers and of all other peers (PROTOCOL §4, Memory). */
export class MemoryBudget {
  readonly #strangers: Share;
  readonly #known: Share;
  /** Set when memory is given back, because withheld credit may then be granted. */
  freed = false;

  constructor({ maxMemoryBytes, maxStrangerMemoryBytes, maxPeerMemoryBytes }: MemoryLimits) {
    const strangers = Math.min(maxMemoryBytes, maxStrangerMemoryBytes);
    this.#strangers = new Share(true, strangers, maxPeerMemoryBytes);
    this.#known = new Share(false, maxMemoryBytes - strangers, maxPeerMemoryBytes);
  }

  /** The memory that is charged at present. */
  get usedBytes(): number {
    let sum = 0;
    for (const { channels, more } of [this.#strangers, this.#known]) sum += channels.usedBytes + more.usedBytes;
    return sum;
  }

  /** An account for a channel that this endpoint opens. There is always room for the smallest window. */
  dial(peer: string, windowBytes: number): ChannelAccount {
    return this.#full(peer, windowBytes) ?? new ChannelAccount(this, this.#known, peer);
  }

  /** An account for a channel that a peer opens; `null` without room for the smallest window. */
  admit(peer: string, standing: Standing, windowBytes: number): ChannelAccount | null {
    if (standing === 'known') return this.#full(peer, windowBytes);
    const account = this.#least(this.#strangers, peer, standing === 'stranger' ? NEW_PART : 1);
    account?.resize(windowBytes, FIRST_PART);
    return account;
  }

  #full(peer: string, windowBytes: number): ChannelAccount | null {
    const account = this.#least(this.#known, peer);
    account?.resize(windowBytes);
    return account;
  }

  #least(share: Share, peer: string, part = 1): ChannelAccount | null {
    const { channels } = share;
    const hasRoom = channels.peerHasRoom(peer, LEAST_BYTES) && channels.hasRoom(peer, LEAST_BYTES, part);
    return hasRoom ? new ChannelAccount(this, share, peer) : null;
  }
}
