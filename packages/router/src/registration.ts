import { encodeHex } from '@sws/crypto';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol';
import type { Claim } from './claim.js';
import { ReceiverQueue } from './receiver-queue.js';
import type { RegisteredSocket } from './registered-socket.js';

/** Where the last MESSAGE of a sender went: the next mostly goes there too, and its key need not be spelled again. */
export interface Route {
  readonly key: Uint8Array;
  readonly address: string;
  /** The receiver, if it is at this node. */
  receiver: Registration | null;
  /** The state of the correspondences when this one was noted. */
  notedAt: number;
}

/** A key that this node holds, with what waits for it. */
export class Registration {
  readonly socket: RegisteredSocket;
  readonly claim: Claim;
  /** Whether the key is still this connection's. */
  held = true;
  #queue: ReceiverQueue | null = null;
  #route: Route | null = null;

  constructor(socket: RegisteredSocket, claim: Claim) {
    this.socket = socket;
    this.claim = claim;
  }

  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  /** Gives the client a MESSAGE; false if there is no room for it. */
  deliver(from: string, message: Uint8Array): boolean {
    this.#queue ??= new ReceiverQueue();
    if (!this.#queue.take(from, message.length)) return false;
    this.socket.deliver(message);
    return true;
  }

  written(count: number): void {
    this.#queue?.release(count);
  }

  /** The way to the key that a MESSAGE of this client names. */
  routeOf(message: Uint8Array): Route {
    const last = this.#route;
    if (last !== null && names(message, last.key)) return last;
    // A copy: `slice` of a Buffer is a view, which the sender's key is about to be written over.
    const key = new Uint8Array(message.subarray(1, MESSAGE_HEAD_BYTES));
    this.#route = { key, address: encodeHex(key), receiver: null, notedAt: -1 };
    return this.#route;
  }
}

function names(message: Uint8Array, key: Uint8Array): boolean {
  for (let i = 0; i < key.length; i++) if (message[i + 1] !== key[i]) return false;
  return true;
}
