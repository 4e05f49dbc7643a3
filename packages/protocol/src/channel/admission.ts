import type { Channel } from './channel.js';
import { type ChannelAccount, MemoryBudget, type MemoryLimits, type Standing } from './memory-budget.js';

/** The most channels that wait for a confirming frame (PROTOCOL §4, Bounds). */
export const MAX_HALF_OPEN = 1_024;
/** How many channels that wait for memory are tried when some is given back. They take turns. */
const MAX_REFILLED_AT_ONCE = 8;
const NONE: readonly Channel[] = [];

/** Decides which channels get memory, which end to free some, and which wait (PROTOCOL §4, Memory). */
export class Admission {
  readonly #memory: MemoryBudget;
  /** Channels not yet confirmed by their initiator, the oldest first. */
  readonly #halfOpen = new Set<Channel>();
  /** Closed channels, the oldest first. */
  readonly #tombstones = new Set<Channel>();
  /** Channels with a message that cannot continue for lack of memory. */
  readonly #starved = new Set<Channel>();

  constructor(limits: MemoryLimits) {
    this.#memory = new MemoryBudget(limits);
  }

  /** The memory that is charged at present. */
  get usedBytes(): number {
    return this.#memory.usedBytes;
  }

  /** An account for a channel that this endpoint opens. */
  dial(peer: string, windowBytes: number): ChannelAccount {
    return this.#memory.dial(peer, windowBytes);
  }

  /** An account for a channel that `peer` opens; `null` without room. */
  admit(peer: string, standing: Standing, windowBytes: number): ChannelAccount | null {
    return this.#memory.admit(peer, standing, windowBytes);
  }

  /**
   * The channels to end, one after the other, for the first channel of a peer: closed ones, then those that are not
   * open yet. Therefore channels that strangers close, or never confirm, cannot keep a peer out.
   */
  *thatGiveWay(standing: Standing): Iterable<Channel> {
    for (const channels of [this.#tombstones, this.#halfOpen])
      for (const oldest of channels) if (oldest.account.isForStranger === (standing !== 'known')) yield oldest;
  }

  /** A peer's OPEN was accepted. Returns the channel that must end for it, or `null`. */
  accepted(channel: Channel): Channel | null {
    this.#halfOpen.add(channel);
    if (this.#halfOpen.size > MAX_HALF_OPEN) for (const oldest of this.#halfOpen) return oldest;
    return null;
  }

  /** Called when a channel may have changed its phase, or its need for memory. */
  noticed(channel: Channel): void {
    if (channel.phase !== 'half-open') this.#halfOpen.delete(channel);
    if (channel.phase === 'tombstone') this.#tombstones.add(channel);
    if (channel.starved) this.#starved.add(channel);
    else this.#starved.delete(channel);
  }

  forget(channel: Channel): void {
    for (const set of [this.#halfOpen, this.#tombstones, this.#starved]) set.delete(channel);
  }

  /** If memory was given back since the last call, returns the waiting channels whose turn it is. */
  turns(): readonly Channel[] {
    if (!this.#memory.freed) return NONE;
    this.#memory.freed = false;
    const turns: Channel[] = [];
    for (const channel of this.#starved) if (turns.push(channel) === MAX_REFILLED_AT_ONCE) break;
    // They go to the end of the queue, in case the memory is not enough.
    for (const channel of turns) this.#starved.delete(channel);
    return turns;
  }
}
