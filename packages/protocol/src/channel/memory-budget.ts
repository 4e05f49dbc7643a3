import { MIN_WINDOW_BYTES } from './payload.js';

/** Charged for every channel from its OPEN to the end of its tombstone: keys, handshake frames and objects. */
export const CHANNEL_CHARGE_BYTES = 8_192;
const MIB = 1_048_576;

/** How much memory peers can make an endpoint hold (PROTOCOL §4, Memory). */
export interface MemoryLimits {
  /** All peers together. */
  readonly maxMemoryBytes: number;
  /** Those of them that the endpoint has not dialled and does not know; the others have the rest. */
  readonly maxStrangerMemoryBytes: number;
  /** Any one peer. */
  readonly maxPeerMemoryBytes: number;
}

export const DEFAULT_MEMORY_LIMITS: MemoryLimits = {
  maxMemoryBytes: 256 * MIB,
  maxStrangerMemoryBytes: 128 * MIB,
  maxPeerMemoryBytes: 36 * MIB,
};

/**
 * Memory that many peers share: none of them may have more than what is left, so that something is left for the next
 * (the dynamic threshold of Choudhury and Hahne, as at the relay).
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

  /** Whether one peer alone is under its own limit with `bytes` more; of it, the first `part`. */
  peerHasRoom(peer: string, bytes: number, part = 1): boolean {
    return (this.#byPeer.get(peer) ?? 0) + bytes <= this.#peerLimitBytes * part;
  }

  /** Whether `peer` may have `bytes` more of what all share; of it, the first `part`. */
  hasRoom(peer: string, bytes: number, part = 1): boolean {
    return (this.#byPeer.get(peer) ?? 0) + bytes <= this.#limitBytes * part - this.usedBytes;
  }

  /** What `peer` may have more under both limits; of what all share, the first `part`, of its own, the first `peerPart`. */
  roomFor(peer: string, part: number, peerPart: number): number {
    const of = this.#byPeer.get(peer) ?? 0;
    return Math.min(this.#limitBytes * part - this.usedBytes, this.#peerLimitBytes * peerPart) - of;
  }

  /** Adds, or with a negative number takes away, whatever the limits say. */
  add(peer: string, bytes: number): void {
    this.usedBytes += bytes;
    const of = (this.#byPeer.get(peer) ?? 0) + bytes;
    if (of === 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, of);
  }
}

/** What strangers share, or what all others do. */
class Share {
  /** Channels, each with the least window. */
  readonly channels: Pool;
  /** Windows beyond the least, and what messages hold beyond the windows of their channels. */
  readonly more: Pool;
  /** Whose partial message may grow to its end although there is no room. */
  finisher: ChannelAccount | null = null;
  readonly peerFinishers = new Map<string, ChannelAccount>();

  /** Channels of each peer that could use a window larger than the least. */
  readonly #wanting = new Map<string, number>();

  readonly isForStrangers: boolean;
  readonly #peerWindowBytes: number;

  constructor(isForStrangers: boolean, limitBytes: number, peerLimitBytes: number) {
    this.isForStrangers = isForStrangers;
    this.#peerWindowBytes = (peerLimitBytes / 2) * GROWN_PART;
    this.channels = new Pool(limitBytes / 2, peerLimitBytes / 2);
    this.more = new Pool(limitBytes / 2, peerLimitBytes / 2);
  }

  /** To which a window of `peer` may grow: its channels that want more than the least have equal parts. */
  maxWindowBytes(peer: string): number {
    return MIN_WINDOW_BYTES + Math.floor(this.#peerWindowBytes / Math.max(1, this.#wanting.get(peer) ?? 0));
  }

  /** One more, or one less, of a peer's channels wants more than the least window. */
  countWanting(peer: string, by: number): void {
    const count = (this.#wanting.get(peer) ?? 0) + by;
    if (count === 0) this.#wanting.delete(peer);
    else this.#wanting.set(peer, count);
  }
}

/**
 * What a peer is to an endpoint: known if it was dialled or the application names it; talking if its process has taken a
 * message of the application.
 */
export type Standing = 'stranger' | 'talking' | 'known';

/** Strangers that have not talked yet may fill this part of the channels that strangers may have. */
const NEW_PART = 3 / 4;
/** Windows beyond the least may take this part of their pool and of a peer's limit: the rest is for messages. */
const GROWN_PART = 3 / 4;
/** Those for far links may be so large only while no more than this part of the pool is taken … */
export const FAR_PART = 1 / 2;
/** … and a stranger begins with more than the least only while no more than this part is: idle strangers hold no more. */
const FIRST_PART = 1 / 8;
/** What a channel takes at first. */
const LEAST_BYTES = CHANNEL_CHARGE_BYTES + MIN_WINDOW_BYTES;

/** What one channel may hold, and what that takes of its peer's and its endpoint's budget. */
export class ChannelAccount {
  readonly #budget: MemoryBudget;
  readonly #share: Share;
  readonly #peer: string;
  #state: 'open' | 'closed' | 'released' = 'open';
  #borrowedBytes = 0;
  #wantsMore = false;
  /** The credit that the peer has without anything being borrowed for it. */
  windowBytes = MIN_WINDOW_BYTES;

  /** Made by `MemoryBudget`. */
  constructor(budget: MemoryBudget, share: Share, peer: string) {
    this.#budget = budget;
    this.#share = share;
    this.#peer = peer;
    share.channels.add(peer, LEAST_BYTES);
  }

  /** Whether it takes from the share of strangers. */
  get isForStranger(): boolean {
    return this.#share.isForStrangers;
  }
  get borrowedBytes(): number {
    return this.#borrowedBytes;
  }

  /**
   * Makes the window `bytes` large, or as much of it as there is room for. With many channels of its peer that want more it shrinks to an
   * equal part: what the peer may still send is then borrowed, and given back as it comes. `part`: of the pool, the first.
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
   * Borrows beyond the window for a message that is still partial. Where there is no room, a channel that is `stuck`
   * without it may borrow all the same, one of a peer and one of its share at a time: so every message comes to its end.
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

  /** Borrows what is held already, whatever the limits say. */
  overdraw(bytes: number): void {
    this.#borrowedBytes += bytes;
    this.#share.more.add(this.#peer, bytes);
  }

  /** Gives back what was borrowed. */
  repay(bytes: number): void {
    if (bytes === 0) return;
    this.#borrowedBytes -= bytes;
    this.#share.more.add(this.#peer, -bytes);
    this.#budget.freed = true;
  }

  /** A message was delivered: if it could only finish because no other did, the next one's turn comes. */
  finished(): void {
    const share = this.#share;
    if (share.finisher === this) share.finisher = null;
    if (share.peerFinishers.get(this.#peer) === this) share.peerFinishers.delete(this.#peer);
    this.#budget.freed = true;
  }

  /** Nothing that comes is held any more: only the channel itself, a tombstone, is charged. */
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

/** The memory of one endpoint, shared by its peers: two shares, of strangers and of all others (PROTOCOL §4, Memory). */
export class MemoryBudget {
  readonly #strangers: Share;
  readonly #known: Share;
  /** Set whenever something is given back: credit that was held back may now be granted. */
  freed = false;

  constructor({ maxMemoryBytes, maxStrangerMemoryBytes, maxPeerMemoryBytes }: MemoryLimits) {
    const strangers = Math.min(maxMemoryBytes, maxStrangerMemoryBytes);
    this.#strangers = new Share(true, strangers, maxPeerMemoryBytes);
    this.#known = new Share(false, maxMemoryBytes - strangers, maxPeerMemoryBytes);
  }

  /** What is charged at the moment. */
  get usedBytes(): number {
    let sum = 0;
    for (const { channels, more } of [this.#strangers, this.#known]) sum += channels.usedBytes + more.usedBytes;
    return sum;
  }

  /** An account for a channel that this endpoint opens: there is always room for the least window. */
  dial(peer: string, windowBytes: number): ChannelAccount {
    return this.#full(peer, windowBytes) ?? new ChannelAccount(this, this.#known, peer);
  }

  /** An account for a channel that a peer opens; `null` where there is no room for the least window. */
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
