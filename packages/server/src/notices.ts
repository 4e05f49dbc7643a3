/** Notices (UNDELIVERABLE, PONG …) that a client has not read may wait up to this; who only ever provokes them is cut. */
export const MAX_UNREAD_NOTICE_BYTES = 1_048_576;

/** The relay's own frames that one socket has not written yet: bounded, and told apart from the MESSAGEs between them. */
export class Notices {
  /** Where each stands among all that the socket sends, and its size. */
  readonly #places: number[] = [];
  readonly #sizes: number[] = [];
  #bytes = 0;

  /** All of them are written. */
  get none(): boolean {
    return this.#places.length === 0;
  }

  /** A notice is to be sent as number `place`; false if too many wait. */
  add(place: number, bytes: number): boolean {
    if (this.#bytes + bytes > MAX_UNREAD_NOTICE_BYTES) return false;
    this.#bytes += bytes;
    this.#places.push(place);
    this.#sizes.push(bytes);
    return true;
  }

  /** All before `place` is written: how many of it were notices. */
  written(place: number): number {
    let count = 0;
    for (let first = this.#places[0]; first !== undefined && first < place; first = this.#places[0]) {
      this.#places.shift();
      this.#bytes -= this.#sizes.shift() ?? 0;
      count++;
    }
    return count;
  }
}
