import type { ChannelKeys } from './channel-keys.js';
import { encodeData, isChannelOpcode, MAX_FRAGMENT_BYTES, OPCODE, type Opcode, paddedDataLength } from './data.js';
import { Deque } from './deque.js';
import type { Padding } from './padding.js';
import type { Rekey } from './rekey.js';
import { Scratch } from './scratch.js';

/** Charged on top of a DATA frame's padded plaintext: what a retained frame costs beyond its bytes (PROTOCOL §4, Credit). */
export const FRAME_CHARGE_BYTES = 96;
/** An end that has sealed this many frames under one key seals only rekey, rekeyed and close until it has the next. */
export const MAX_SEALED_PER_KEY = 2 ** 17 - 16;

interface Message {
  readonly opcode: Opcode;
  readonly bytes: Uint8Array;
  /** How much of it is sealed. */
  offset: number;
}

interface Retained {
  readonly message: Uint8Array;
  readonly appBytes: number;
  readonly endsMessage: boolean;
}

/** What is sent at most unacknowledged when the relay has not complained. */
const UNLIMITED = Number.POSITIVE_INFINITY;

const scratch = new Scratch();

/**
 * The sending half of a channel: unsealed messages, sealed frames kept until acknowledged, the peer's credit, and the
 * place from which frames go out. A resend pass moves that place back; frames are never sealed twice.
 */
export class Outgoing {
  readonly #padding: Padding;
  readonly #queue = new Deque<Message>();
  readonly #urgent = new Deque<Message>();
  readonly #retained = new Deque<Retained>();
  #acked = 0;
  #cursor = 0;
  #sealed = 0;
  #charged = 0;
  #limit = 0;
  #unackedBytes = 0;
  #inFlightLimit = UNLIMITED;
  #ackedInWindow = 0;
  /** Whole messages given to `enqueue`, and those of them acknowledged. */
  messagesQueued = 0;
  messagesAcknowledged = 0;
  /** Set once a close frame has been sealed: no DATA follows it. */
  closeSealed = false;

  constructor(padding: Padding) {
    this.#padding = padding;
  }

  /** Application bytes that the peer has not acknowledged. */
  get bufferedAmount(): number {
    return this.#unackedBytes;
  }
  /** Frames sent at least once; the seq of the next first sending. */
  get cursor(): number {
    return this.#cursor;
  }
  get acked(): number {
    return this.#acked;
  }
  /** Whether anything waits for the peer: unacknowledged frames, or messages that lack credit. */
  get hungry(): boolean {
    return this.#retained.length > 0 || this.#queue.length > 0 || this.#urgent.length > 0;
  }

  /** Owns `bytes` from here. */
  enqueue(opcode: typeof OPCODE.text | typeof OPCODE.binary, bytes: Uint8Array): void {
    this.#queue.push({ opcode, bytes, offset: 0 });
    this.#unackedBytes += bytes.length;
    this.messagesQueued++;
  }

  /** Ahead of all unsealed data: rekey, rekeyed, and the answer to a close. */
  enqueueUrgent(opcode: Opcode, bytes: Uint8Array): void {
    this.#urgent.push({ opcode, bytes, offset: 0 });
  }

  /** Behind all unsealed data: this end's own close. */
  enqueueClose(bytes: Uint8Array): void {
    this.#queue.push({ opcode: OPCODE.close, bytes, offset: 0 });
  }

  /** Forgets messages not yet sealed: after a close by the peer or a failure they can't be sent. */
  dropUnsealed(): void {
    this.#queue.clear();
  }

  /** The peer takes this much in all; at first nothing. */
  grant(limit: number): void {
    if (limit > this.#limit) this.#limit = limit;
  }

  /** Whether `next` has a frame to give. */
  canSend(keys: ChannelKeys): boolean {
    if (this.#cursor - this.#acked >= this.#inFlightLimit) return false;
    if (this.#cursor < this.#sealed || this.#urgent.length > 0) return true;
    const message = this.#queue.at(0);
    if (message === undefined || this.closeSealed) return false;
    if (message.opcode === OPCODE.close) return true;
    if (keys.sealedFrames >= MAX_SEALED_PER_KEY) return false;
    // The charge depends on padding alone, so that asking costs no sealing.
    return this.#charged + this.#chargeOf(message) <= this.#limit;
  }

  /** Whether the next frame is a new one of the application's messages, as soon as it can be sent. */
  get messageIsNext(): boolean {
    return this.#cursor === this.#sealed && this.#urgent.length === 0 && this.#queue.length > 0 && !this.closeIsNext;
  }

  /** Whether the next frame to be sealed is this end's close, or its answer to one. */
  get closeIsNext(): boolean {
    if (this.#cursor < this.#sealed || this.closeSealed) return false;
    return (this.#urgent.at(0) ?? this.#queue.at(0))?.opcode === OPCODE.close;
  }

  /** The next MESSAGE to send: one again, or one sealed now, of which `rekey` learns if it is its own. Retained here: the transport must not change it. */
  next(keys: ChannelKeys, rekey: Rekey): Uint8Array | null {
    if (!this.canSend(keys)) return null;
    if (this.#cursor === this.#sealed) this.#sealNext(keys, rekey);
    const frame = this.#retained.at(this.#cursor - this.#acked);
    if (frame === undefined) return null;
    this.#cursor++;
    return frame.message;
  }

  /** Frees frames below `next`. False if `next` is above what was sent (1002). */
  acknowledge(next: number): boolean {
    if (next > this.#sealed) return false;
    while (this.#acked < next) {
      const frame = this.#retained.shift();
      if (frame === undefined) break;
      this.#acked++;
      this.#unackedBytes -= frame.appBytes;
      if (frame.endsMessage) this.messagesAcknowledged++;
      if (this.#inFlightLimit !== UNLIMITED && ++this.#ackedInWindow >= this.#inFlightLimit) {
        this.#ackedInWindow = 0;
        // Past this many frames a window of credit is the tighter bound anyway.
        this.#inFlightLimit = this.#inFlightLimit >= 4096 ? UNLIMITED : this.#inFlightLimit + 1;
      }
    }
    if (this.#cursor < this.#acked) this.#cursor = this.#acked;
    return true;
  }

  /** Begins a resend pass at the first unacknowledged frame. */
  resend(): void {
    this.#cursor = this.#acked;
  }

  /** The relay said `congested`: half as much in flight from here. */
  slowDown(): void {
    const inFlight = Math.min(this.#inFlightLimit, this.#cursor - this.#acked);
    this.#inFlightLimit = Math.max(1, Math.floor(inFlight / 2));
    this.#ackedInWindow = 0;
  }

  /** The frame of `seq` if it is retained and has been sent. */
  retainedMessage(seq: number): Uint8Array | null {
    return seq < this.#cursor ? (this.#retained.at(seq - this.#acked)?.message ?? null) : null;
  }

  clear(): void {
    this.#queue.clear();
    this.#urgent.clear();
    this.#retained.clear();
  }

  #chargeOf(message: Message): number {
    const length = Math.min(MAX_FRAGMENT_BYTES, message.bytes.length - message.offset);
    return paddedDataLength(length, this.#padding) + FRAME_CHARGE_BYTES;
  }

  #sealNext(keys: ChannelKeys, rekey: Rekey): void {
    const queue = this.#urgent.length > 0 ? this.#urgent : this.#queue;
    const message = queue.at(0);
    if (message === undefined) return;
    const { bytes, offset } = message;
    const end = Math.min(bytes.length, offset + MAX_FRAGMENT_BYTES);
    const fin = end === bytes.length;
    const opcode = offset === 0 ? message.opcode : OPCODE.continuation;
    const own = isChannelOpcode(opcode);
    const plaintext = encodeData(opcode, fin, bytes.subarray(offset, end), this.#padding, scratch);
    if (!own) this.#charged += plaintext.length + FRAME_CHARGE_BYTES;
    this.#retained.push({
      message: keys.sealData(this.#sealed, plaintext),
      appBytes: own ? 0 : end - offset,
      endsMessage: fin && !own,
    });
    plaintext.fill(0);
    this.#sealed++;
    message.offset = end;
    if (fin) queue.shift();
    if (opcode === OPCODE.close) this.closeSealed = true;
    else if (own) rekey.sealed();
  }
}
