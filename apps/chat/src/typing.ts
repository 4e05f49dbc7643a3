import { signal } from '@preact/signals';

const SHOWN_MS = 6_000;
const SAID_EVERY_MS = 3_000;

/** Who is writing: the peer, as it says, and we, told now and then. */
export class Typing {
  /** Whether the peer is writing. */
  readonly shown = signal(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;

  /** The peer says that it is writing. */
  heard(): void {
    this.shown.value = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop(), SHOWN_MS);
  }

  /** The peer has written, or is gone. */
  stop(): void {
    clearTimeout(this.#timer);
    this.shown.value = false;
  }

  /** Whether it is time to tell the peer that something is being written. */
  isDue(): boolean {
    const now = performance.now();
    if (now - this.#saidAt < SAID_EVERY_MS) return false;
    this.#saidAt = now;
    return true;
  }
}
