import { atEndOfTurn, type TurnTask } from '../end-of-turn.js';
import type { SocketCause, SocketLike } from '../socket-like.js';

/**
 * A socket of a library that cannot stop reading, but reports how many bytes it has yet to write. All messages of one
 * turn of the event loop are handed over together, so that the library can write them together.
 */
export abstract class CorkedSocket implements SocketLike, TurnTask {
  readonly canPause = false;
  onmessage: ((data: string | Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onframes: ((count: number, bytes: number) => void) | null = null;
  onclose: ((cause: SocketCause) => void) | null = null;
  #batch: (string | Uint8Array)[] | null = null;
  /** The sizes of the messages that the library holds, oldest first. */
  #held: number[] = [];
  #heldBytes = 0;
  #open = true;

  /** Hands over messages, to be written together if the library can. */
  protected abstract write(batch: readonly (string | Uint8Array)[]): void;
  /** Bytes that the library has yet to write. */
  protected abstract bufferedBytes(): number;
  protected abstract end(code: number, reason: string): void;
  protected abstract cut(): void;

  send(data: string | Uint8Array): void {
    if (this.#batch === null) {
      this.#batch = [data];
      atEndOfTurn(this);
    } else this.#batch.push(data);
  }
  close(code: number, reason: string): void {
    this.endTurn();
    if (this.#open) this.end(code, reason);
  }
  terminate(): void {
    if (this.#open) this.cut();
  }
  pause(): void {}
  resume(): void {}
  bytesReceived(): number | null {
    return null;
  }

  endTurn(): void {
    const batch = this.#batch;
    this.#batch = null;
    if (batch === null) return;
    if (!this.#open) return this.onwritten?.(batch.length);
    for (const data of batch) {
      const bytes = Buffer.byteLength(data);
      this.#held.push(bytes);
      this.#heldBytes += bytes;
    }
    this.write(batch);
    this.drained();
  }

  /** The library has written something. */
  drained(): void {
    if (!this.#open) return;
    const buffered = this.bufferedBytes();
    let count = 0;
    for (let size = this.#held[count]; size !== undefined; size = this.#held[count]) {
      if (buffered > 0 && this.#heldBytes - size < buffered) break;
      this.#heldBytes -= size;
      count++;
    }
    if (count === 0) return;
    this.#held = this.#held.slice(count);
    this.onwritten?.(count);
  }

  /** Whether the library still holds messages. */
  get behind(): boolean {
    return this.#held.length > 0;
  }

  /** The library says that the connection is gone. */
  closed(cause: SocketCause): void {
    if (!this.#open) return;
    this.#open = false;
    this.onclose?.(cause);
    const dropped = this.#held.length;
    this.#held = [];
    if (dropped > 0) this.onwritten?.(dropped);
  }
}
