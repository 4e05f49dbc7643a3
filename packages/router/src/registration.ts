import { encodeHex } from '@sws/crypto';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import type { Claim } from './claim.js';
import type { AddressQueue, QueueBound } from './queue-budget.js';
import { ReceiverQueue } from './receiver-queue.js';
import type { RegisteredSocket } from './registered-socket.js';

/** The peer of a client's last MESSAGE. It is kept because the next MESSAGE mostly has the same peer. */
export interface Route {
  readonly key: Uint8Array;
  readonly address: string;
  /** The receiver, if it is at this node. */
  receiver: Registration | null;
  /** The generation of the recent peers when this peer was noted. */
  notedAt: number;
}

/** A key that this node holds, and the queue of its client. */
export class Registration {
  readonly socket: RegisteredSocket;
  readonly claim: Claim;
  /** Whether the key still belongs to this connection. */
  held = true;
  #address: AddressQueue | null = null;
  #queue: ReceiverQueue | null = null;
  #route: Route | null = null;
  /** The sender of the last MESSAGE from the backplane. */
  #sender: Route | null = null;

  constructor(socket: RegisteredSocket, claim: Claim) {
    this.socket = socket;
    this.claim = claim;
  }

  /** Opens the queue. Its bytes count for `address`. */
  open(address: AddressQueue): void {
    this.#address = address;
    address.enter();
  }

  /** Gives the client a MESSAGE. Returns `null`, or the bound without room for it. */
  deliver(from: string, message: Uint8Array): QueueBound | null {
    if (this.#address === null) return 'receiver';
    this.#queue ??= new ReceiverQueue(this.#address);
    const full = this.#queue.tryReserve(from, message.length);
    if (full === null) this.socket.deliver(message);
    return full;
  }

  /** Whether the sender of the last delivered MESSAGE must be told that many of its bytes wait. */
  get isBacklog(): boolean {
    return this.#queue?.isBacklog === true;
  }

  /** The connection is closed. `written` still reports what the socket writes or drops. */
  closed(): void {
    this.#address?.leave();
  }

  written(count: number): void {
    this.#queue?.release(count);
  }

  /** The route to the key that a MESSAGE of this client names. */
  routeOf(message: Uint8Array): Route {
    if (this.#route === null || !names(message, this.#route.key)) this.#route = routeTo(message);
    return this.#route;
  }

  /** The sender of a MESSAGE for this client from the backplane. */
  senderOf(message: Uint8Array): Route {
    if (this.#sender === null || !names(message, this.#sender.key)) this.#sender = routeTo(message);
    return this.#sender;
  }
}

function routeTo(message: Uint8Array): Route {
  // Copy the key: `slice` of a Buffer is a view, and the sender's key is about to overwrite it.
  const key = new Uint8Array(message.subarray(1, MESSAGE_HEAD_BYTES));
  return { key, address: encodeHex(key), receiver: null, notedAt: -1 };
}

function names(message: Uint8Array, key: Uint8Array): boolean {
  for (let i = 0; i < key.length; i++) if (message[i + 1] !== key[i]) return false;
  return true;
}
