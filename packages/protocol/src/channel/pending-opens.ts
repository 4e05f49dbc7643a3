/** The most OPENs that wait for an answer, in total and of one peer (PROTOCOL §4, Bounds). */
export const MAX_PENDING_OPENS = 256;
export const MAX_PENDING_OPENS_PER_PEER = 4;
/** How long an OPEN is kept. After that, the initiator has given up. */
const PENDING_MS = 45_000;

interface PendingOpen {
  readonly peer: string;
  readonly content: Uint8Array;
  readonly untilMs: number;
}

/**
 * OPENs whose accept policy answers later, the oldest first. They are checked already, and none of their keys is kept.
 */
export class PendingOpens {
  readonly #pending = new Map<string, PendingOpen>();

  has(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Keeps a copy of an OPEN. Returns false without room; strangers may use half of the room. */
  add(name: string, peer: string, isKnown: boolean, content: Uint8Array, nowMs: number): boolean {
    let ofPeer = 0;
    for (const [other, { peer: whose, untilMs }] of this.#pending) {
      if (untilMs <= nowMs) this.#pending.delete(other);
      else if (whose === peer) ofPeer++;
    }
    const max = isKnown ? MAX_PENDING_OPENS : MAX_PENDING_OPENS / 2;
    if (ofPeer >= MAX_PENDING_OPENS_PER_PEER || this.#pending.size >= max) return false;
    this.#pending.set(name, { peer, content: content.slice(), untilMs: nowMs + PENDING_MS });
    return true;
  }

  /** Removes and returns an OPEN to answer it; `null` if it no longer waits. */
  take(name: string, nowMs: number): Uint8Array | null {
    const found = this.#pending.get(name);
    this.#pending.delete(name);
    return found === undefined || found.untilMs <= nowMs ? null : found.content;
  }
}
