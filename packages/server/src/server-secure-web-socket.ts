import { decodeHex, encodeHex } from '@sws/crypto';
import {
  decodeClientFrame,
  type Encoding,
  encodeFrame,
  encodeMessage,
  FAILURES,
  type Failure,
  type Limits,
  MESSAGE_HEAD_BYTES,
  type RelayFrame,
  undeliverable,
} from '@sws/protocol';
import type { RefusalReason, ServerCounters } from './counters.js';
import { atEndOfTurn, type TurnTask } from './end-of-turn.js';
import { unwatch, type Watched, watch } from './liveness.js';
import { Notices } from './notices.js';
import type { SocketCause, SocketLike } from './socket-like.js';

/** A relay PING unanswered for this long ends the connection. */
const PONG_TIMEOUT_MS = 5_000;
const CLOSE_GRACE_MS = 2_000;
/** Shorter pauses cost more than they hold back. */
const MIN_PAUSE_MS = 5;
/** Of a socket that can't be paused, this much over its rate is answered with `congested`; then it is closed with 4429. */
const MAX_OVER_RATE_BYTES = 1_048_576;
/** What one socket may take of a turn of the event loop, so that a flood on one does not hold up the others. */
const TURN_BUDGET_BYTES = 524_288;
/** A message costs a turn at least this much. */
const MESSAGE_COST_BYTES = 512;
const MESSAGE_TYPE = 1;

/** Holds a client to its rate; `@sws/router` gives one with each admission. */
export interface Meter {
  /** Ms until the client may send again; 0 if it may. */
  waitMs(nowMs: number): number;
  /** Notes a message of so many bytes. */
  charge(bytes: number, nowMs: number): void;
}

export interface Registered {
  readonly publicKey: string;
  readonly term: number;
  readonly limits: Limits;
  /** Seconds. */
  readonly keepalive: number;
  readonly encoding: Encoding;
  /** A label for logs; never an address in a metric. */
  readonly remoteAddress: string | null;
  /** Holds the client to its rate; `null`: it may send as it likes. */
  readonly meter: Meter | null;
}

/**
 * A registered connection: codec, liveness, rate limit by pausing, and writes that say when they are done. Reading is
 * paused until `start`, which whoever routes calls once `onmessage` is set: nothing falls between the two.
 */
export class ServerSecureWebSocket implements Watched, TurnTask {
  readonly publicKey: string;
  readonly publicKeyBytes: Uint8Array;
  readonly term: number;
  readonly remoteAddress: string | null;
  /** A binary MESSAGE (PROTOCOL §3), whichever encoding the client speaks; owned by the callee. */
  onmessage: ((message: Uint8Array) => void) | null = null;
  /** So many more of the MESSAGEs delivered, in their order, are with the kernel or were dropped with the connection. */
  onwritten: ((count: number) => void) | null = null;
  /** Called once. */
  onclose: (() => void) | null = null;
  readonly #socket: SocketLike;
  readonly #encoding: Encoding;
  readonly #limits: Limits;
  readonly #counters: ServerCounters;
  readonly #meter: Meter | null;
  readonly #keepaliveMs: number;
  #notices: Notices | null = null;
  /** Messages given to the socket, and how many of them it has written. */
  #sent = 0;
  #written = 0;
  /** What came before `start` over a socket that can't be paused. */
  #held: (string | Uint8Array)[] | null = null;
  #heardAt = Date.now();
  #bytesReceived = 0;
  #pingedAt = 0;
  #pausedUntil = 0;
  #turnBytes = 0;
  #overRateBytes = 0;
  #pingId = 0;
  #started = false;
  #yielding = false;
  #closed = false;

  constructor(socket: SocketLike, registered: Registered, counters: ServerCounters) {
    const { publicKey, term, limits, keepalive, encoding, remoteAddress, meter } = registered;
    this.#socket = socket;
    this.#encoding = encoding;
    this.#limits = limits;
    this.#counters = counters;
    this.#meter = meter;
    this.#keepaliveMs = keepalive * 1000;
    this.publicKey = publicKey;
    this.publicKeyBytes = decodeHex(publicKey) ?? new Uint8Array(32);
    this.term = term;
    this.remoteAddress = remoteAddress;
    socket.onmessage = (data) => this.#receive(data);
    socket.onwritten = (count) => this.#wrote(count);
    socket.onclose = (cause) => this.#ended(cause);
    watch(this);
  }

  /** Reading begins. */
  start(): void {
    if (this.#closed || this.#started) return;
    this.#started = true;
    const held = this.#held ?? [];
    this.#held = null;
    for (const data of held) this.#receive(data);
    this.#read();
  }

  /** Gives the client one MESSAGE, in its encoding; owns it from here. `onwritten` tells when it is written. */
  deliver(message: Uint8Array): void {
    if (this.#closed) return;
    this.#sent++;
    this.#socket.send(this.#encoding === 'binary' ? message : this.#jsonMessage(message));
  }

  /** Sends a frame of the relay's own. A client that leaves 1 MiB of them unread is cut. */
  notify(frame: RelayFrame): void {
    if (this.#closed) return;
    const text = encodeFrame(frame);
    this.#notices ??= new Notices();
    if (!this.#notices.add(this.#sent, text.length)) return this.#cut('unread-notices');
    this.#sent++;
    this.#socket.send(text);
  }

  /** Tells the client why, and closes with the failure's close code. */
  close(failure: Failure): void {
    if (this.#closed) return;
    const code = FAILURES[failure.code].closeCode ?? 1011;
    if (failure.code !== 'normal') {
      this.#counters.refuse(failure.code);
      this.notify({ type: 'ERROR', code, reason: failure.detail });
      if (this.#closed) return;
    }
    this.#socket.close(code, failure.detail.slice(0, 120));
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
    // Whoever is being closed is read no more, but its answer to the close must come in.
    this.#ended(null, false);
    this.#socket.resume();
  }

  /** A turn of the event loop has ended: who was held back for the others' sake is read again. */
  endTurn(): void {
    this.#turnBytes = 0;
    if (!this.#yielding) return;
    this.#yielding = false;
    this.#read();
  }

  sweep(nowMs: number, lateMs: number): void {
    const bytes = this.#socket.bytesReceived();
    if (bytes !== null && bytes !== this.#bytesReceived) {
      this.#bytesReceived = bytes;
      this.#heardAt = nowMs;
      this.#pingedAt = 0;
    }
    if (this.#pausedUntil > nowMs) return this.#sweepPaused(nowMs);
    if (lateMs > 0) {
      // The relay itself stood still: nobody has been silent meanwhile.
      this.#heardAt += lateMs;
      if (this.#pingedAt !== 0) this.#pingedAt += lateMs;
    }
    if (this.#pingedAt !== 0) {
      if (nowMs - this.#pingedAt >= PONG_TIMEOUT_MS) this.#cut('connection-lost');
    } else if (nowMs - this.#heardAt >= this.#keepaliveMs) this.#ping(nowMs);
  }

  /** While the relay does not read, its client hears of it, and its own silence counts for nothing. */
  #sweepPaused(nowMs: number): void {
    this.#heardAt = nowMs;
    if (nowMs - this.#pingedAt >= this.#keepaliveMs / 2) this.#ping(nowMs);
  }

  #ping(nowMs: number): void {
    this.#pingedAt = nowMs;
    this.notify({ type: 'PING', id: ++this.#pingId });
  }

  #receive(data: string | Uint8Array): void {
    if (this.#closed) return;
    if (!this.#started) return this.#hold(data);
    const now = Date.now();
    this.#heardAt = now;
    this.#pingedAt = 0;
    this.#counters.receivedBytes += data.length;
    const within = this.#meter === null || this.#withinRate(this.#meter, data.length, now);
    this.#share(data.length);
    if (typeof data === 'string') return this.#receiveText(data, within);
    if (data[0] !== MESSAGE_TYPE || data.length < MESSAGE_HEAD_BYTES)
      return this.close({ code: 'bad-frame', detail: 'not a binary MESSAGE' });
    this.#forward(data, within);
  }

  #receiveText(text: string, within: boolean): void {
    const decoded = decodeClientFrame(text);
    if (!decoded.ok) return this.close(decoded.failure);
    const frame = decoded.value;
    switch (frame.type) {
      case 'MESSAGE':
        if (frame.from !== undefined && frame.from !== this.publicKey)
          return this.close({ code: 'bad-frame', detail: 'MESSAGE: from is not your key' });
        return this.#forward(encodeMessage(decodeHex(frame.to) ?? new Uint8Array(32), frame.content), within);
      case 'PING':
        return this.notify({ type: 'PONG', id: frame.id });
      case 'PONG':
        return;
      default:
        return this.close({ code: 'bad-frame', detail: `${frame.type} after registration` });
    }
  }

  #forward(message: Uint8Array, within: boolean): void {
    const { maxMessage } = this.#limits;
    if (message.length > 2 * maxMessage)
      return this.close({ code: 'message-too-large', detail: `over twice maxMessage, ${maxMessage}` });
    if (!within) return this.#overRate(message);
    this.#counters.receivedMessages++;
    this.onmessage?.(message);
  }

  /** Over its rate a sender is paused: TCP pushes back and nothing is lost, at most `keepalive` at a time. */
  #withinRate(meter: Meter, bytes: number, now: number): boolean {
    if (!this.#socket.canPause) {
      if (meter.waitMs(now) > 0) return false;
      this.#overRateBytes = 0;
      meter.charge(bytes, now);
      return true;
    }
    meter.charge(bytes, now);
    const waitMs = meter.waitMs(now);
    if (waitMs > 0 && this.#pausedUntil <= now) this.#pause(now, waitMs);
    return true;
  }

  #pause(now: number, waitMs: number): void {
    const pauseMs = Math.min(this.#keepaliveMs, Math.max(MIN_PAUSE_MS, waitMs));
    this.#counters.pauses++;
    this.#pausedUntil = now + pauseMs;
    this.#pingedAt = now;
    this.#socket.pause();
    setTimeout(() => {
      this.#pausedUntil = 0;
      this.#pingedAt = 0;
      this.#heardAt = Date.now();
      this.#read();
    }, pauseMs);
  }

  /** A sender that can't be paused is told that its message went nowhere, and closed if it takes no heed. */
  #overRate(message: Uint8Array): void {
    this.#overRateBytes += message.length;
    if (this.#overRateBytes > MAX_OVER_RATE_BYTES)
      return this.close({ code: 'rate-limited', detail: `${MAX_OVER_RATE_BYTES} bytes over the rate` });
    this.#counters.refuse('congested');
    const to = message.subarray(1, MESSAGE_HEAD_BYTES);
    this.notify(undeliverable(to, message.subarray(MESSAGE_HEAD_BYTES), 'congested'));
  }

  /** A socket that has had its share of this turn waits for the next. */
  #share(bytes: number): void {
    if (this.#turnBytes === 0) atEndOfTurn(this);
    this.#turnBytes += bytes + MESSAGE_COST_BYTES;
    if (this.#turnBytes < TURN_BUDGET_BYTES || this.#yielding || !this.#socket.canPause) return;
    this.#yielding = true;
    this.#socket.pause();
  }

  #read(): void {
    if (this.#started && !this.#closed && this.#pausedUntil === 0 && !this.#yielding) this.#socket.resume();
  }

  #hold(data: string | Uint8Array): void {
    this.#held ??= [];
    this.#held.push(data);
    const bytes = this.#held.reduce((sum, one) => sum + one.length, 0);
    if (bytes > MAX_OVER_RATE_BYTES) this.close({ code: 'rate-limited', detail: 'too much before it was taken up' });
  }

  #jsonMessage(message: Uint8Array): string {
    const from = encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES));
    const { buffer, byteOffset, length } = message;
    const content = Buffer.from(buffer, byteOffset, length).toString('base64url', MESSAGE_HEAD_BYTES);
    return `{"type":"MESSAGE","to":"${this.publicKey}","from":"${from}","content":"${content}"}`;
  }

  #wrote(count: number): void {
    this.#written += count;
    const messages = this.#notices === null ? count : count - this.#notices.written(this.#written);
    if (messages > 0) this.onwritten?.(messages);
  }

  #cut(reason: RefusalReason): void {
    this.#counters.refuse(reason);
    this.#ended(null);
    this.#socket.terminate();
  }

  #ended(cause: SocketCause, count = true): void {
    if (this.#closed) return;
    if (count && cause !== null) this.#counters.refuse(cause);
    this.#closed = true;
    this.#held = null;
    unwatch(this);
    this.onclose?.();
    this.onmessage = null;
  }
}
