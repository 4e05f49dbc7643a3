import type { Channel } from './channel.js';
import { type ChannelAccount, MemoryBudget, type MemoryLimits, type Standing } from './memory-budget.js';

/** Channels that wait for the frame that confirms them, in all (PROTOCOL §4, Bounds). */
export const MAX_HALF_OPEN = 1_024;
/** Channels that wait for memory and are looked at whenever some is given back, in turn. */
const MAX_REFILLED_AT_ONCE = 8;
const NONE: readonly Channel[] = [];

/** Which channels an endpoint has memory for, and which of them give way or wait (PROTOCOL §4, Memory). */
export class Admission {
  readonly #memory: MemoryBudget;
  /** Not yet confirmed by their initiator, the oldest first. */
  readonly #halfOpen = new Set<Channel>();
  /** Closed, the oldest first. */
  readonly #tombstones = new Set<Channel>();
  /** Channels whose message can't go on for want of memory. */
  readonly #starved = new Set<Channel>();

  constructor(limits: MemoryLimits) {
    this.#memory = new MemoryBudget(limits);
  }

  /** What is charged at the moment. */
  get usedBytes(): number {
    return this.#memory.usedBytes;
  }

  /** For a channel that this endpoint opens. */
  dial(peer: string, windowBytes: number): ChannelAccount {
    return this.#memory.dial(peer, windowBytes);
  }

  /** For a channel that `peer` opens; `null` if there is no room. */
  admit(peer: string, standing: Standing, windowBytes: number): ChannelAccount | null {
    return this.#memory.admit(peer, standing, windowBytes);
  }

  /**
   * Channels that give way, one after the other, to the first channel of a peer: those that have closed, then those that
   * are not open yet. So what strangers leave behind, or never confirm, keeps nobody out.
   */
  *thatGiveWay(standing: Standing): Iterable<Channel> {
    for (const channels of [this.#tombstones, this.#halfOpen])
      for (const oldest of channels) if (oldest.account.isForStranger === (standing !== 'known')) yield oldest;
  }

  /** A peer's OPEN was accepted: the channel that is one too many for it, or `null`. */
  accepted(channel: Channel): Channel | null {
    this.#halfOpen.add(channel);
    if (this.#halfOpen.size > MAX_HALF_OPEN) for (const oldest of this.#halfOpen) return oldest;
    return null;
  }

  /** A channel may have changed its phase, or what it waits for. */
  noticed(channel: Channel): void {
    if (channel.phase !== 'half-open') this.#halfOpen.delete(channel);
    if (channel.phase === 'tombstone') this.#tombstones.add(channel);
    if (channel.starved) this.#starved.add(channel);
    else this.#starved.delete(channel);
  }

  forget(channel: Channel): void {
    for (const set of [this.#halfOpen, this.#tombstones, this.#starved]) set.delete(channel);
  }

  /** Where memory was given back since the last call: the channels that wait for some and have their turn. */
  turns(): readonly Channel[] {
    if (!this.#memory.freed) return NONE;
    this.#memory.freed = false;
    const turns: Channel[] = [];
    for (const channel of this.#starved) if (turns.push(channel) === MAX_REFILLED_AT_ONCE) break;
    // Behind the others, should it not be enough.
    for (const channel of turns) this.#starved.delete(channel);
    return turns;
  }
}
