import { encodeUtf8 } from '../utf8.js';
import type { ChannelKeys } from './channel-keys.js';
import {
  type DataItem,
  encodeItems,
  fragmentLength,
  ITEM_HEAD_BYTES,
  isChannelOpcode,
  MAX_FRAGMENT_BYTES,
  MAX_ITEMS,
  OPCODE,
  type Opcode,
} from './data.js';
import { Deque } from './deque.js';
import type { Flight, Sent } from './flight.js';
import { type Padding, paddedLength } from './padding.js';
import { Scratch } from './scratch.js';

/** Charged for each item beside a frame's padded plaintext, for the memory that it holds (PROTOCOL §4, Credit). */
export const ITEM_CHARGE_BYTES = 96;
/** After this many frames under one key, an end seals only rekey, rekeyed and close until it has the next key. */
export const MAX_SEALED_PER_KEY = 2 ** 17 - 16;

interface Message {
  readonly opcode: Opcode;
  readonly bytes: Uint8Array;
  /** How many of its bytes are sealed. */
  offset: number;
}

interface Retained {
  readonly message: Uint8Array;
  readonly appBytes: number;
  /** How many messages end in it. */
  readonly messages: number;
  /**
   * The note of its first sending. `null` before, and once it was sent again: then its acknowledgement measures
   * nothing.
   */
  sent: Sent | null;
}

const scratch = new Scratch();

/**
 * The sending half of a channel: unsealed messages, sealed frames kept until acknowledged, the peer's credit, and the
 * cursor of the next frame to send. A resend pass moves the cursor back. No frame is sealed twice.
 */
export class Outgoing {
  readonly flight: Flight;
  readonly #padding: Padding;
  readonly #queue = new Deque<Message>();
  readonly #urgent = new Deque<Message>();
  readonly #retained = new Deque<Retained>();
  /**
   * The arrays of acknowledged frames, for the next ones: a new array for each would cost more in garbage collection
   * than sealing does. There are no more of them than frames under way.
   */
  readonly #spares: Uint8Array[] = [];
  #acked = 0;
  #cursor = 0;
  #sealed = 0;
  #charged = 0;
  #limit = 0;
  #unackedBytes = 0;
  /** Bytes of the frames from `acked` to `cursor`: this channel's part of the bytes in flight. */
  #underWayBytes = 0;
  /** Frames below this were sent before. */
  #everSent = 0;
  /** Whether the next frame must wait until fewer bytes are in flight. */
  waitsForRoom = false;
  /** The number of messages given to `enqueue`. */
  messagesQueued = 0;
  messagesAcknowledged = 0;
  /** How many frames were sealed up to the last `rekey` or `rekeyed`, including it. */
  rekeySealed = 0;
  /** Set once a close frame has been sealed: no DATA follows it. */
  closeSealed = false;

  /** `flight` counts the bytes in flight of all channels to this peer. */
  constructor(padding: Padding, flight: Flight) {
    this.flight = flight;
    this.#padding = padding;
  }

  /** Application bytes that the peer has not acknowledged. */
  get bufferedAmount(): number {
    return this.#unackedBytes;
  }
  /** The seq of the next frame to send. All frames below it were sent at least once. */
  get cursor(): number {
    return this.#cursor;
  }
  get acked(): number {
    return this.#acked;
  }
  /** Whether anything waits for the peer: unacknowledged frames, or messages that lack credit. */
  get hasUnacked(): boolean {
    return this.#retained.length > 0 || this.#queue.length > 0 || this.#urgent.length > 0;
  }

  /** Whether messages, or this end's own close, are not sealed yet. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** Queues a message, and owns `data` from here. */
  enqueue(data: string | Uint8Array): void {
    const isText = typeof data === 'string';
    const bytes = isText ? encodeUtf8(data) : data;
    this.#queue.push({ opcode: isText ? OPCODE.text : OPCODE.binary, bytes, offset: 0 });
    this.#unackedBytes += bytes.length;
    this.messagesQueued++;
  }

  /** Queues a frame before all unsealed data: rekey, rekeyed, or the answer to a close. */
  enqueueUrgent(opcode: Opcode, bytes: Uint8Array): void {
    this.#urgent.push({ opcode, bytes, offset: 0 });
  }

  /** Queues this end's own close after all unsealed data. */
  enqueueClose(bytes: Uint8Array): void {
    this.#queue.push({ opcode: OPCODE.close, bytes, offset: 0 });
  }

  /** Drops unsealed messages, which cannot be sent after a failure or the peer's close. */
  dropUnsealed(): void {
    this.#queue.clear();
  }

  /** Sets the peer's total credit, which is 0 at first. */
  grant(limit: number): void {
    if (limit > this.#limit) this.#limit = limit;
  }

  /** Whether `next` would return a frame. */
  canSend(keys: ChannelKeys, nowMs: number): boolean {
    this.waitsForRoom = false;
    if (this.#cursor < this.#sealed) return this.#hasRoom(this.#nextRetained?.message.length ?? 0, nowMs);
    if (this.#urgent.length > 0) return true;
    const message = this.#queue.at(0);
    if (message === undefined || this.closeSealed) return false;
    if (message.opcode === OPCODE.close) return true;
    if (keys.sealedFrames >= MAX_SEALED_PER_KEY) return false;
    // The charge depends only on padding, and can be known without sealing.
    const charge = this.#chargeOf(1, ITEM_HEAD_BYTES + fragmentLength(message.bytes.length - message.offset));
    return this.#charged + charge <= this.#limit && this.#hasRoom(charge, nowMs);
  }

  /** Whether the next frame, once it can be sent, is a new one of an application's message. */
  get messageIsNext(): boolean {
    return this.#cursor === this.#sealed && this.#urgent.length === 0 && this.#queue.length > 0 && !this.closeIsNext;
  }

  /** Whether the next frame to be sealed is this end's close, or its answer to one. */
  get closeIsNext(): boolean {
    if (this.#cursor < this.#sealed || this.closeSealed) return false;
    return (this.#urgent.at(0) ?? this.#queue.at(0))?.opcode === OPCODE.close;
  }

  /** The next MESSAGE to send, sent again or sealed now, as of `Channel.pollFrame`. */
  next(keys: ChannelKeys, nowMs: number): Uint8Array | null {
    if (!this.canSend(keys, nowMs)) {
      if (!this.waitsForRoom) this.flight.idle();
      return null;
    }
    if (this.#cursor === this.#sealed) this.#sealNext(keys);
    const frame = this.#nextRetained;
    if (frame === undefined) return null;
    const { length } = frame.message;
    const sent = this.flight.sent(length, nowMs);
    frame.sent = this.#cursor < this.#everSent ? null : sent;
    this.#underWayBytes += length;
    this.#cursor++;
    this.#everSent = Math.max(this.#everSent, this.#cursor);
    return frame.message;
  }

  /** Frees frames below `next`. Returns false if `next` is above the last sent frame (1002). */
  acknowledge(next: number, nowMs: number): boolean {
    if (next > this.#sealed) return false;
    let [bytes, landed] = [0, 0];
    let sent: Sent | null = null;
    while (this.#acked < next) {
      const frame = this.#retained.shift();
      if (frame === undefined) break;
      bytes += frame.message.length;
      if (this.#acked < this.#cursor) landed += frame.message.length;
      sent = frame.sent;
      this.#acked++;
      this.#unackedBytes -= frame.appBytes;
      this.messagesAcknowledged += frame.messages;
      this.#spares.push(frame.message);
    }
    if (this.#cursor < this.#acked) this.#cursor = this.#acked;
    this.#land(landed);
    this.#spares.length = Math.min(this.#spares.length, this.#cursor - this.#acked);
    if (bytes > 0) this.flight.acknowledged(bytes, sent, nowMs);
    return true;
  }

  /** Begins a resend pass at frame `from`, or at the first unacknowledged frame. */
  resend(from = 0): void {
    const cursor = Math.max(this.#acked, from);
    let bytes = 0;
    for (let seq = cursor; seq < this.#cursor; seq++)
      bytes += this.#retained.at(seq - this.#acked)?.message.length ?? 0;
    this.#cursor = Math.min(cursor, this.#cursor);
    this.#land(bytes);
  }

  /** The frame `seq`, if it is kept and was sent. */
  retainedMessage(seq: number): Uint8Array | null {
    return seq < this.#cursor ? (this.#retained.at(seq - this.#acked)?.message ?? null) : null;
  }

  clear(): void {
    this.#land(this.#underWayBytes);
    this.#queue.clear();
    this.#urgent.clear();
    this.#retained.clear();
    this.#spares.length = 0;
  }

  get #nextRetained(): Retained | undefined {
    return this.#retained.at(this.#cursor - this.#acked);
  }

  #hasRoom(bytes: number, nowMs: number): boolean {
    this.waitsForRoom = !this.flight.allows(bytes, this.#underWayBytes, nowMs);
    return !this.waitsForRoom;
  }

  #land(bytes: number): void {
    this.#underWayBytes -= bytes;
    this.flight.landed(bytes);
  }

  /** The charge of a frame with `items` that have `length` bytes in total. */
  #chargeOf(items: number, length: number): number {
    return paddedLength(length, this.#padding) + items * ITEM_CHARGE_BYTES;
  }

  #sealNext(keys: ChannelKeys): void {
    const queue = this.#urgent.length > 0 ? this.#urgent : this.#queue;
    const message = queue.at(0);
    if (message === undefined) return;
    const { bytes, offset } = message;
    const end = offset + fragmentLength(bytes.length - offset);
    const fin = end === bytes.length;
    const opcode = offset === 0 ? message.opcode : OPCODE.continuation;
    const own = isChannelOpcode(opcode);
    const items: DataItem[] = [{ opcode, fin, bytes: fin && offset === 0 ? bytes : bytes.subarray(offset, end) }];
    let appBytes = own ? 0 : end - offset;
    message.offset = end;
    if (fin) {
      queue.shift();
      if (!own && offset === 0) appBytes = this.#addMessages(items, appBytes);
    }
    const plaintext = encodeItems(items, this.#padding, scratch);
    if (!own) this.#charged += plaintext.length + items.length * ITEM_CHARGE_BYTES;
    this.#retained.push({
      message: keys.sealData(this.#sealed, plaintext, this.#spares.pop()),
      appBytes,
      messages: fin && !own ? items.length : 0,
      sent: null,
    });
    plaintext.fill(0);
    this.#sealed++;
    if (opcode === OPCODE.close) this.closeSealed = true;
    else if (own) this.rekeySealed = this.#sealed;
  }

  /** Moves whole messages from the queue behind the first of `items`. Returns the bytes of all of them. */
  #addMessages(items: DataItem[], firstBytes: number): number {
    const most = Math.min(MAX_FRAGMENT_BYTES, this.flight.roomBytes);
    let sum = firstBytes;
    for (let count = 2; count <= MAX_ITEMS; count++) {
      const next = this.#queue.at(0);
      if (next === undefined || next.opcode === OPCODE.close) break;
      const { opcode, bytes } = next;
      const length = sum + bytes.length + count * ITEM_HEAD_BYTES;
      if (length > most || this.#charged + this.#chargeOf(count, length) > this.#limit) break;
      this.#queue.shift();
      items.push({ opcode, fin: true, bytes });
      sum += bytes.length;
    }
    return sum;
  }
}
