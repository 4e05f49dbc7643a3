/** The initiator rekeys this many frames (both directions) after a key's first frame … */
const REKEY_AFTER_FRAMES = 2 ** 16;
/** … or this long after it, even if the channel has been idle since. */
const REKEY_AFTER_MS = 120_000;
/** An end closes when a receive key is used for longer than this. */
const MAX_KEY_AGE_MS = 900_000;

/** When keys are due to change (PROTOCOL §4, Rekey). */
export class RekeySchedule {
  #frames = 0;
  #firstAt: number | null = null;
  #firstReceivedAt: number | null = null;

  /** A DATA frame was sealed or opened. */
  sawFrame(nowMs: number): void {
    this.#frames++;
    this.#firstAt ??= nowMs;
  }

  sawReceived(nowMs: number): void {
    this.#firstReceivedAt ??= nowMs;
  }

  /** The receive key changed. */
  received(): void {
    this.#firstReceivedAt = null;
  }

  /** The rekey is complete. */
  completed(): void {
    this.#frames = 0;
    this.#firstAt = null;
  }

  due(nowMs: number): boolean {
    return this.#frames >= REKEY_AFTER_FRAMES || (this.#firstAt !== null && nowMs >= this.#firstAt + REKEY_AFTER_MS);
  }

  /** When `due` will hold. */
  dueAt(nowMs: number): number {
    if (this.#frames >= REKEY_AFTER_FRAMES) return nowMs;
    return this.#firstAt === null ? Number.POSITIVE_INFINITY : this.#firstAt + REKEY_AFTER_MS;
  }

  get overdueAt(): number {
    return this.#firstReceivedAt === null ? Number.POSITIVE_INFINITY : this.#firstReceivedAt + MAX_KEY_AGE_MS + 1;
  }

  /** Whether the receive key is too old. A separation does not count: it moves the age on. */
  overdue(nowMs: number, separated: boolean): boolean {
    if (nowMs < this.overdueAt) return false;
    if (!separated) return true;
    this.#firstReceivedAt = nowMs - MAX_KEY_AGE_MS + 60_000;
    return false;
  }
}
