import { encodeHex } from '@sws/crypto';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import type { Claim } from './claim.js';
import type { AddressQueue, QueueBound } from './queue-budget.js';
import { ReceiverQueue } from './receiver-queue.js';
import type { RegisteredSocket } from './registered-socket.js';

/** Where a client's last MESSAGE went, or came from: the next mostly does too, and the key need not be spelled again. */
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
  #address: AddressQueue | null = null;
  #queue: ReceiverQueue | null = null;
  #route: Route | null = null;
  /** The same for what comes over the backplane: who sent the last. */
  #sender: Route | null = null;

  constructor(socket: RegisteredSocket, claim: Claim) {
    this.socket = socket;
    this.claim = claim;
  }

  /** What waits for this client counts for `address` from here. */
  open(address: AddressQueue): void {
    this.#address = address;
    address.enter();
  }

  /** Gives the client a MESSAGE, or says which bound has no room for it. */
  deliver(from: string, message: Uint8Array): QueueBound | null {
    if (this.#address === null) return 'receiver';
    this.#queue ??= new ReceiverQueue(this.#address);
    const full = this.#queue.tryReserve(from, message.length);
    if (full === null) this.socket.deliver(message);
    return full;
  }

  /** Whether the sender of the MESSAGE delivered last is to be told that much of it waits. */
  get isBacklog(): boolean {
    return this.#queue?.isBacklog === true;
  }

  /** The connection is closed. What the socket has yet to write or drop is told by `written`. */
  closed(): void {
    this.#address?.leave();
  }

  written(count: number): void {
    this.#queue?.release(count);
  }

  /** The way to the key that a MESSAGE of this client names. */
  routeOf(message: Uint8Array): Route {
    if (this.#route === null || !names(message, this.#route.key)) this.#route = routeTo(message);
    return this.#route;
  }

  /** Who sent a MESSAGE that came for this client over the backplane. */
  senderOf(message: Uint8Array): Route {
    if (this.#sender === null || !names(message, this.#sender.key)) this.#sender = routeTo(message);
    return this.#sender;
  }
}

function routeTo(message: Uint8Array): Route {
  // A copy: `slice` of a Buffer is a view, which the sender's key is about to be written over.
  const key = new Uint8Array(message.subarray(1, MESSAGE_HEAD_BYTES));
  return { key, address: encodeHex(key), receiver: null, notedAt: -1 };
}

function names(message: Uint8Array, key: Uint8Array): boolean {
  for (let i = 0; i < key.length; i++) if (message[i + 1] !== key[i]) return false;
  return true;
}
