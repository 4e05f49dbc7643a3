const MIB = 1_048_576;
/** Notices (UNDELIVERABLE, PONG …) that a client has not read may wait up to this; who only ever provokes them is cut. */
export const MAX_UNREAD_NOTICE_BYTES = MIB;
/** The same of all clients together: the more there is, the less each may have, by dynamic threshold. */
const MAX_ALL_UNREAD_BYTES = 64 * MIB;
/** As much every client may leave unread, whatever others do. */
const MIN_UNREAD_BYTES = 65_536;

/** What all clients of a server have left unread. */
export interface UnreadNotices {
  unreadNoticeBytes: number;
}

/** The relay's own frames that one socket has not written yet: bounded, and told apart from the MESSAGEs between them. */
export class Notices {
  readonly #all: UnreadNotices;
  /** Where each stands among all that the socket sends, and its size. */
  readonly #places: number[] = [];
  readonly #sizes: number[] = [];
  #bytes = 0;

  constructor(all: UnreadNotices) {
    this.#all = all;
  }

  /** All of them are written. */
  get none(): boolean {
    return this.#places.length === 0;
  }

  /** A notice is to be sent as number `place`; false if too many wait. */
  add(place: number, bytes: number): boolean {
    const share = Math.max(MIN_UNREAD_BYTES, (MAX_ALL_UNREAD_BYTES - this.#all.unreadNoticeBytes) / 2);
    if (this.#bytes + bytes > Math.min(MAX_UNREAD_NOTICE_BYTES, share)) return false;
    this.#bytes += bytes;
    this.#all.unreadNoticeBytes += bytes;
    this.#places.push(place);
    this.#sizes.push(bytes);
    return true;
  }

  /** All before `place` is written: how many of it were notices. */
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
