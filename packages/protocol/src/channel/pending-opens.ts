/** OPENs that wait for their answer, in all and of one peer (PROTOCOL §4, Bounds). */
export const MAX_PENDING_OPENS = 256;
export const MAX_PENDING_OPENS_PER_PEER = 4;
/** By then the initiator has given up. */
const PENDING_MS = 45_000;

interface PendingOpen {
  readonly peer: string;
  readonly content: Uint8Array;
  readonly untilMs: number;
}

/** OPENs whose accept policy answers later; the oldest first. What they are was checked, and no key of theirs is kept. */
export class PendingOpens {
  readonly #pending = new Map<string, PendingOpen>();

  has(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Keeps an OPEN, whose content it copies. False where there is no room: strangers may have half of all places. */
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

  /** Takes an OPEN out to answer it; `null` where it waits no longer. */
  take(name: string, nowMs: number): Uint8Array | null {
    const found = this.#pending.get(name);
    this.#pending.delete(name);
    return found === undefined || found.untilMs <= nowMs ? null : found.content;
  }
}
