import { fail, type Result, succeed } from '../result.js';
import { decodeUtf8 } from '../utf8.js';
import { type CloseStatus, decodeClose } from './close-status.js';
import { type DataItem, decodeData, isChannelOpcode, MAX_FRAGMENT_BYTES, MAX_ITEMS, OPCODE } from './data.js';
import { Deque } from './deque.js';
import type { Gauge } from './gauge.js';
import { type ChannelAccount, FAR_PART } from './memory-budget.js';
import { ITEM_CHARGE_BYTES } from './outgoing.js';
import { PartialMessage } from './partial-message.js';
import { MIN_WINDOW_BYTES } from './payload.js';

/** The result of one DATA frame, taken in order. */
export type Taken =
  /** The messages that a frame completed. */
  | { readonly type: 'messages'; readonly messages: readonly (string | Uint8Array)[] }
  | { readonly type: 'rekey'; readonly key: Uint8Array }
  | { readonly type: 'rekeyed' }
  | { readonly type: 'close'; readonly status: CloseStatus };

/** For a far link, the window grows to at most this many times `maxWindowBytes`. */
const FAR_FACTOR = 16;
/** It is this many times what the application takes in a round trip, to detect a faster peer, plus `maxWindowBytes`. */
const FAR_GAIN = 2;
/** A window shrinks after this many round trips in which it was more than twice as large as needed. */
const SHRINKS_AFTER = 8;
/** A window grows once this part of it has been used. */
const USED_PART = 1 / 8;

/** What a waiting message holds beside its bytes and its frame's charge: an event and its objects. */
const WAITING_OVERHEAD_BYTES = 160;

/** What a fragment counts against `maxMessageBytes` beside its bytes. */
const FRAGMENT_OVERHEAD_BYTES = ITEM_CHARGE_BYTES;

/**
 * The receiving half of a channel: the next seq, reassembly, and the granted credit. Held data and open credit together
 * never exceed the account's window and borrowed memory. If it cannot borrow, credit is granted later.
 */
export class Incoming {
  readonly #account: ChannelAccount;
  readonly #gauge: Gauge;
  readonly #maxMessageBytes: number;
  /** The size to which a window grows by use. Only for a far link it grows further. */
  readonly #maxWindowBytes: number;
  readonly #partial = new PartialMessage();
  /** Bytes and overhead of the present message's fragments. */
  #counted = 0;
  #opcode: typeof OPCODE.text | typeof OPCODE.binary | null = null;
  #charged = 0;
  /** The memory of the partial message, and of its string. */
  #partialHeld = 0;
  /** The memory of complete messages. */
  #waitingHeld = 0;
  /** The memory of each complete message that waits for `delivered`, in order. */
  readonly #waiting = new Deque<number>();
  /** Bytes that the peer has sent, and the application has taken, since the window last grew. */
  #usedBytes = 0;
  /** For how many round trips the window has been too large. */
  #tooLarge = 0;
  /** Set once the application gets no more messages. */
  #discards = false;
  /** The next expected seq. */
  next = 0;
  /** The total charge granted to the peer. */
  limit: number;

  /** `gauge` measures what the application takes. */
  constructor(account: ChannelAccount, gauge: Gauge, maxMessageBytes: number, maxWindowBytes: number) {
    this.#account = account;
    this.#gauge = gauge;
    this.limit = account.windowBytes;
    this.#maxMessageBytes = maxMessageBytes;
    this.#maxWindowBytes = maxWindowBytes;
  }

  /** Whether a message needs borrowed memory to continue. Call `refill` when memory was given back. */
  get starved(): boolean {
    return this.#opcode !== null && this.#mayRefill && this.#creditBytes < MIN_WINDOW_BYTES;
  }

  /** Takes the plaintext of frame `next`. The caller owns it again when this returns. */
  acceptFrame(plaintext: Uint8Array): Result<Taken> {
    this.next++;
    const messages: (string | Uint8Array)[] = [];
    let at = 0;
    let items = 0;
    do {
      if (++items > MAX_ITEMS) return fail('protocol-error', `a frame holds more than ${MAX_ITEMS} messages`);
      const decoded = decodeData(plaintext, at);
      if (!decoded.ok) return decoded;
      const item = decoded.value;
      if (isChannelOpcode(item.opcode)) return takeOwn(item.opcode, item.bytes);
      // The last item has the padding.
      const failure = this.#takeItem(item, (item.next || plaintext.length) - at + ITEM_CHARGE_BYTES, messages);
      if (failure !== null) return failure;
      at = item.next;
    } while (at > 0);
    return succeed({ type: 'messages', messages });
  }

  /** Takes one item of a frame. Adds the message that it completes to `messages`. */
  #takeItem(item: DataItem, charge: number, messages: (string | Uint8Array)[]): Result<never> | null {
    this.#charged += charge;
    if (this.#charged > this.limit) return fail('protocol-error', `DATA is over the credit of ${this.limit} bytes`);
    // A tombstone checks the frame, and keeps nothing of it.
    if (this.#discards) {
      this.limit += charge;
      return null;
    }
    const failure = this.#begin(item);
    if (failure !== null) return failure;
    if (!item.fin) {
      this.#append(item.bytes);
      return null;
    }
    const message = this.#finish(item.bytes, charge);
    if (!message.ok) return message;
    messages.push(message.value);
    return null;
  }

  /** The application has taken the oldest waiting message. Returns its credit. */
  delivered(): void {
    const held = this.#waiting.shift();
    if (held === undefined) return;
    this.#waitingHeld -= held;
    this.#account.finished();
    this.#used(held);
    this.#settle();
  }

  /** Borrows missing memory for a partial message. Does nothing while a complete one waits for the application. */
  refill(): void {
    const missing = this.#account.windowBytes - this.#creditBytes;
    if (this.#opcode === null || !this.#mayRefill || missing <= 0) return;
    // If there is no room for a far link's window, there may be room for a normal one.
    const least = Math.min(missing, this.#maxWindowBytes - this.#creditBytes);
    if (least < missing && this.#account.borrow(missing, false)) this.limit += missing;
    else if (least > 0 && this.#account.borrow(least, this.starved)) this.limit += least;
  }

  /** Adapts the window to the path: the application takes this much in a round trip. */
  fit(perRoundTripBytes: number): void {
    const { windowBytes } = this.#account;
    this.widen(perRoundTripBytes);
    const wanted = this.#farWindowBytes(perRoundTripBytes);
    if (wanted >= windowBytes / 2) this.#tooLarge = 0;
    else if (++this.#tooLarge >= SHRINKS_AFTER) {
      this.#tooLarge = 0;
      this.#resize(wanted);
    }
  }

  /** Grows a window that is too small. The application takes at least this much in a round trip. */
  widen(perRoundTripBytes: number): void {
    const wanted = this.#farWindowBytes(perRoundTripBytes);
    if (this.#account.windowBytes >= this.#maxWindowBytes && wanted > this.#account.windowBytes) this.#resize(wanted);
  }

  /** The application gets no more messages. Drops held data, and keeps no later data. */
  discard(): void {
    this.#discards = true;
    this.#partial.clear();
    this.#waiting.clear();
    this.#partialHeld = 0;
    this.#waitingHeld = 0;
    this.#account.close();
  }

  #farWindowBytes(perRoundTripBytes: number): number {
    const first = this.#maxWindowBytes;
    return Math.min(FAR_FACTOR * first, Math.ceil(FAR_GAIN * perRoundTripBytes) + first);
  }

  #resize(windowBytes: number): void {
    if (this.#discards) return;
    this.#account.resize(windowBytes, FAR_PART);
    this.#settle();
  }

  get #mayRefill(): boolean {
    return this.#waiting.length === 0 && !this.#discards;
  }
  /** How much the peer may still send. */
  get #creditBytes(): number {
    return this.limit - this.#charged;
  }

  /** Checks a frame's opcode and size against its message. */
  #begin({ opcode, bytes }: DataItem): Result<never> | null {
    if (opcode === OPCODE.text || opcode === OPCODE.binary) {
      if (this.#opcode !== null) return fail('protocol-error', 'a message began inside another');
      this.#opcode = opcode;
    } else if (this.#opcode === null) {
      return fail('protocol-error', 'a continuation without a message');
    }
    this.#counted += bytes.length + FRAGMENT_OVERHEAD_BYTES;
    const max = this.#maxMessageBytes;
    if (this.#partial.length + bytes.length > max)
      return fail('message-too-large', `a message is over maxMessageBytes, ${max}`);
    // The limit is the count of a message of `max` bytes in the largest fragments, also for small ones.
    if (this.#counted > max + FRAGMENT_OVERHEAD_BYTES * Math.max(1, Math.ceil(max / MAX_FRAGMENT_BYTES)))
      return fail(
        'message-too-large',
        `a message of small fragments is over maxMessageBytes, ${max}, with their overhead`,
      );
    return null;
  }

  #append(bytes: Uint8Array): void {
    this.#partial.append(bytes);
    this.#partialHeld += FRAGMENT_OVERHEAD_BYTES + (this.#opcode === OPCODE.text ? 2 : 1) * bytes.length;
    if (this.#mayRefill) this.#used(bytes.length);
    this.#settle();
    this.refill();
  }

  #finish(bytes: Uint8Array, charge: number): Result<string | Uint8Array> {
    const fragments = this.#partial.length;
    const isText = this.#opcode === OPCODE.text;
    // A message in one frame is a view of the caller's array. Copy it.
    const whole = fragments > 0 ? this.#partial.finish(bytes) : isText ? bytes : bytes.slice();
    const data = isText ? decodeUtf8(whole) : whole;
    const before = this.#partialHeld;
    this.#partialHeld = 0;
    this.#counted = 0;
    this.#opcode = null;
    if (data === null) return fail('invalid-text', 'a text message is not UTF-8');
    // A string may take two bytes for each received byte.
    const held = before + charge + WAITING_OVERHEAD_BYTES + (isText ? bytes.length : 0);
    this.#waitingHeld += held;
    this.#waiting.push(held);
    this.#settle();
    return succeed(data);
  }

  /** Doubles the window whenever the application has taken a part of it in time. */
  #used(bytes: number): void {
    this.#gauge.deliveredBytes += bytes;
    const account = this.#account;
    if (account.windowBytes >= this.#maxWindowBytes) return;
    this.#usedBytes += bytes;
    for (let part = account.windowBytes * USED_PART; this.#usedBytes >= part; part = account.windowBytes * USED_PART) {
      this.#usedBytes -= part;
      account.resize(Math.min(2 * account.windowBytes, this.#maxWindowBytes));
    }
  }

  /** Gives back borrowed memory that is no longer needed, and grants the credit that the account then covers. */
  #settle(): void {
    if (this.#discards) return;
    const account = this.#account;
    const held = this.#partialHeld + this.#waitingHeld;
    const needed = Math.max(0, held + this.#creditBytes - account.windowBytes);
    if (account.borrowedBytes > needed) account.repay(account.borrowedBytes - needed);
    else account.overdraw(needed - account.borrowedBytes);
    this.limit += Math.max(0, account.windowBytes + account.borrowedBytes - held - this.#creditBytes);
  }
}

function takeOwn(opcode: number, bytes: Uint8Array): Result<Taken> {
  if (opcode === OPCODE.close) {
    const status = decodeClose(bytes);
    return status.ok ? succeed({ type: 'close', status: status.value }) : status;
  }
  const expected = opcode === OPCODE.rekey ? 32 : 0;
  if (bytes.length !== expected) return fail('protocol-error', `opcode ${opcode} carries ${expected} bytes`);
  return succeed(opcode === OPCODE.rekey ? { type: 'rekey', key: bytes.slice() } : { type: 'rekeyed' });
}
