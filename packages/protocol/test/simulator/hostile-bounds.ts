import { KIND } from '../../src/channel/channel-frame.js';
import { MAX_FRAGMENT_BYTES } from '../../src/channel/data.js';
import type { MemoryLimits } from '../../src/channel/memory-budget.js';
import { Violation } from './conversation.js';
import type { Work } from './counting-provider.js';
import type { HostilePeer } from './hostile-peer.js';

/** Charged for each channel, tombstones included (PROTOCOL §4, Memory). */
const CHANNEL_BYTES = 8_192;

/** What PROTOCOL §4 (Bounds) lets frames cost: so many a second that lead to public-key operations, twice that at once. */
const FRAMES_PER_SECOND = {
  stranger: { inAll: 32, perPeer: 8 },
  known: { inAll: 64, perPeer: 32 },
} as const;
const ACCEPTS_PER_SECOND = 128;
const ACCEPTS_PER_OPEN = 4;
/** What one such frame may cost, a first Diffie-Hellman with its peer included. */
const OPERATIONS_PER_FRAME = 8;
/** A rekey: its two Diffie-Hellmans, and the key pair of the answer. */
const OPERATIONS_PER_REKEY = 6;
/** Bytes hashed, sealed and opened for a frame: itself a few times, and the frames that answer it. */
const bytesFor = (length: number): number => 6 * length + 16_384;

/** How often something has happened, held against what may: `perSecond`, and `burst` at once. Not the code under test. */
class Gauge {
  readonly #perSecond: number;
  readonly #burst: number;
  #level = 0;
  #at = 0;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Counts one; false if it was one too many. */
  count(nowMs: number): boolean {
    this.#level = Math.max(0, this.#level - ((nowMs - this.#at) * this.#perSecond) / 1_000) + 1;
    this.#at = nowMs;
    return this.#level <= this.#burst + 1e-6;
  }
}

/** The work that hostile frames have caused, each within its bounds. */
export class WorkBounds {
  readonly #work: Work;
  readonly #gauges = new Map<string, Gauge>();
  /** Rekeys that hostile peers have begun, each of which may cost operations once. */
  rekeys = 0;
  #rekeyOperations = 0;

  constructor(work: Work) {
    this.#work = work;
  }

  /** What `receive` did for one frame of a peer. @throws Violation */
  during(frame: Uint8Array, peer: string, standing: 'stranger' | 'known', nowMs: number, receive: () => void): void {
    const { publicKeyOperations, bytes } = this.#work;
    const length = frame.length;
    const kind = frame[0] ?? 0;
    const channel = Buffer.from(frame.subarray(1, 17)).toString('hex');
    receive();
    const operations = this.#work.publicKeyOperations - publicKeyOperations;
    const worked = this.#work.bytes - bytes;
    if (worked > bytesFor(length))
      throw new Violation(`${worked} bytes hashed, sealed and opened for a frame of kind ${kind} and ${length} bytes`);
    if (operations === 0) return;
    if (operations > OPERATIONS_PER_FRAME) throw new Violation(`${operations} operations for a frame of kind ${kind}`);
    if (kind === KIND.accept) {
      this.#count('ACCEPTs', ACCEPTS_PER_SECOND, 2, nowMs);
      this.#count(`ACCEPTs for ${channel}`, ACCEPTS_PER_OPEN, 1, nowMs);
    } else if (kind === KIND.open || kind === KIND.reset || this.#isStray(operations)) {
      const { inAll, perPeer } = FRAMES_PER_SECOND[standing];
      this.#count(`frames of ${standing}s`, inAll, 2, nowMs);
      this.#count(`frames of ${standing} ${peer}`, perPeer, 2, nowMs);
    } else {
      this.#rekeyOperations += operations;
      const most = this.rekeys * OPERATIONS_PER_REKEY;
      if (this.#rekeyOperations > most)
        throw new Violation(`${this.#rekeyOperations} operations, ${this.rekeys} rekeys`);
    }
  }

  /** DATA and CONTROL of no channel: answered by a RESET, whose key takes one operation. */
  #isStray(operations: number): boolean {
    return operations === 1;
  }

  #count(what: string, perSecond: number, seconds: number, nowMs: number): void {
    let gauge = this.#gauges.get(what);
    if (gauge === undefined) {
      gauge = new Gauge(perSecond, perSecond * seconds);
      this.#gauges.set(what, gauge);
    }
    if (!gauge.count(nowMs)) throw new Violation(`${what} cost operations more often than ${perSecond} times a second`);
  }
}

/** What hostile peers make the victim hold, as they see it: messages it has not given away, and credit that it has told. */
export class MemoryBounds {
  readonly #limits: MemoryLimits;
  readonly #maxMessageBytes: number;
  /** What complete messages hold that wait for the application, by the id of each open channel. */
  readonly #waiting = new Map<string, number>();

  constructor(limits: MemoryLimits, maxMessageBytes: number) {
    this.#limits = limits;
    this.#maxMessageBytes = maxMessageBytes;
  }

  opened(channelId: Uint8Array): void {
    this.#waiting.set(idOf(channelId), 0);
  }

  /** The victim has a message for its application, which does not take it. */
  waits(channelId: Uint8Array, bytes: number): void {
    const id = idOf(channelId);
    this.#waiting.set(id, (this.#waiting.get(id) ?? 0) + bytes);
  }

  /** The victim has ended a channel, and holds nothing for it. */
  ended(channelId: Uint8Array): void {
    this.#waiting.delete(idOf(channelId));
  }

  /** Holds all that against what the victim says is charged, and against its limits. @throws Violation */
  check(
    chargedBytes: number,
    channels: number,
    peers: readonly HostilePeer[],
    isKnown: (peer: string) => boolean,
  ): void {
    let all = channels * CHANNEL_BYTES;
    let strangers = 0;
    for (const peer of peers) {
      let of = 0;
      for (const { id, limit, charged, partial } of peer.channels) {
        const waiting = this.#waiting.get(idOf(id));
        if (waiting !== undefined) of += Math.max(0, limit - charged) + partial + waiting;
      }
      all += of;
      const known = isKnown(peer.identity.publicKey);
      if (!known) strangers += of;
      this.#below(`a ${known ? 'known peer' : 'stranger'}`, of, this.#limits.maxPeerMemoryBytes * (known ? 2 : 1));
    }
    if (all > chargedBytes)
      throw new Violation(`${all} bytes are held or granted in ${channels} channels, ${chargedBytes} are charged`);
    this.#below('strangers', strangers, this.#limits.maxStrangerMemoryBytes);
  }

  #below(who: string, bytes: number, limit: number): void {
    // One message may come to its end although there is no room.
    const most = limit + this.#maxMessageBytes + 2 * MAX_FRAGMENT_BYTES;
    if (bytes > most) throw new Violation(`${who}: ${bytes} bytes are held or granted, at most ${most} may be`);
  }
}

function idOf(channelId: Uint8Array): string {
  return Buffer.from(channelId).toString('latin1');
}
