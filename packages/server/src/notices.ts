const MIB = 1_048_576;
/** The most notices (UNDELIVERABLE, PONG …) that a client may leave unread before it is cut. */
export const MAX_UNREAD_NOTICE_BYTES = MIB;
/** The most that all clients together may leave unread. By dynamic threshold, each may have less the more there is. */
const MAX_ALL_UNREAD_BYTES = 64 * MIB;
/** Each client may leave this much unread, whatever others do. */
const MIN_UNREAD_BYTES = 65_536;

/** How much all clients of a server have left unread. */
export interface UnreadNotices {
  unreadNoticeBytes: number;
}

/** Counts and bounds the relay's own frames that one socket has not written yet, and tells them from MESSAGEs. */
export class Notices {
  readonly #all: UnreadNotices;
  /** The place of each notice among all messages of the socket, and its size. */
  readonly #places: number[] = [];
  readonly #sizes: number[] = [];
  #bytes = 0;

  constructor(all: UnreadNotices) {
    this.#all = all;
  }

  /** Whether all notices are written. */
  get none(): boolean {
    return this.#places.length === 0;
  }

  /** Adds a notice that is sent as message number `place`. Returns false if too many wait. */
  add(place: number, bytes: number): boolean {
    const share = Math.max(MIN_UNREAD_BYTES, (MAX_ALL_UNREAD_BYTES - this.#all.unreadNoticeBytes) / 2);
    if (this.#bytes + bytes > Math.min(MAX_UNREAD_NOTICE_BYTES, share)) return false;
    this.#bytes += bytes;
    this.#all.unreadNoticeBytes += bytes;
    this.#places.push(place);
    this.#sizes.push(bytes);
    return true;
  }

  /** Everything before `place` is written. Returns how many of it were notices. */
  written(place: number): number {
    let count = 0;
    for (let first = this.#places[count]; first !== undefined && first < place; first = this.#places[count]) {
      const bytes = this.#sizes[count] ?? 0;
      this.#bytes -= bytes;
      this.#all.unreadNoticeBytes -= bytes;
      count++;
    }
    this.#places.splice(0, count);
    this.#sizes.splice(0, count);
    return count;
  }
}
