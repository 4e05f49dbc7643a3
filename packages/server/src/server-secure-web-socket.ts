import { decodeHex, encodeHex } from '@sws/crypto';
import {
  decodeClientFrame,
  decodeMessage,
  type Encoding,
  encodeFrame,
  encodeMessage,
  FAILURES,
  type Failure,
  type Limits,
  MESSAGE_HEAD_BYTES,
  type RelayFrame,
  TokenBucket,
} from '@sws/protocol';
import type { ServerCounters } from './counters.js';
import type { SocketLike } from './socket-like.js';

/** A relay PING unanswered for this long ends the connection. */
const PONG_TIMEOUT_MS = 5_000;
/** A burst may be this many seconds' worth. */
const BURST_SECONDS = 2;
const CLOSE_GRACE_MS = 2_000;
/** Notices (UNDELIVERABLE, PONG …) that a client has not read may wait up to this; a client that only ever provokes them is cut. */
const MAX_NOTICE_BYTES = 1_048_576;

export interface Registered {
  readonly publicKey: string;
  readonly term: number;
  readonly limits: Limits;
  /** Seconds. */
  readonly keepalive: number;
  readonly encoding: Encoding;
  /** A label for logs; never an address in a metric. */
  readonly remoteAddress: string | null;
}

/**
 * A registered connection: codec, liveness, rate limit by pausing, and writes that say when they are done. Reading is
 * paused until `start`, which whoever routes calls once `onmessage` is set: nothing falls between the two.
 */
export class ServerSecureWebSocket {
  readonly publicKey: string;
  readonly publicKeyBytes: Uint8Array;
  readonly term: number;
  readonly remoteAddress: string | null;
  /** A binary MESSAGE (PROTOCOL §3), whichever encoding the client speaks; owned by the callee. */
  onmessage: ((message: Uint8Array) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly #socket: SocketLike;
  readonly #encoding: Encoding;
  readonly #limits: Limits;
  readonly #counters: ServerCounters;
  readonly #keepaliveMs: number;
  readonly #messages: TokenBucket;
  #byteDebt = 0;
  #byteAt = Date.now();
  #heardAt = Date.now();
  #pingedAt: number | null = null;
  #pausedUntil = 0;
  #timer: ReturnType<typeof setTimeout>;
  #closed = false;
  #pingId = 0;
  #noticeBytes = 0;

  constructor(socket: SocketLike, registered: Registered, counters: ServerCounters) {
    const { publicKey, term, limits, keepalive, encoding, remoteAddress } = registered;
    this.#socket = socket;
    this.#encoding = encoding;
    this.#limits = limits;
    this.#counters = counters;
    this.#keepaliveMs = keepalive * 1000;
    this.#messages = new TokenBucket(limits.messagesPerSecond, limits.messagesPerSecond * BURST_SECONDS);
    this.publicKey = publicKey;
    this.publicKeyBytes = decodeHex(publicKey) ?? new Uint8Array(32);
    this.term = term;
    this.remoteAddress = remoteAddress;
    socket.onmessage = (data) => this.#receive(data);
    socket.onclose = () => this.#ended();
    this.#timer = setTimeout(() => this.#tick(), this.#keepaliveMs);
  }

  /** Reading begins. */
  start(): void {
    if (!this.#closed) this.#socket.resume();
  }

  /** Gives the client one MESSAGE; owns it from here. `done`: written, or dropped with the connection. */
  deliver(message: Uint8Array, done: () => void): void {
    if (this.#closed) return done();
    if (this.#encoding === 'binary') return this.#socket.send(message, done);
    const from = encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES));
    this.#socket.send(
      encodeFrame({ type: 'MESSAGE', to: this.publicKey, from, content: message.subarray(MESSAGE_HEAD_BYTES) }),
      done,
    );
  }

  notify(frame: RelayFrame): void {
    if (this.#closed) return;
    const text = encodeFrame(frame);
    if (this.#noticeBytes + text.length > MAX_NOTICE_BYTES) {
      this.#counters.refuse('rate-limited');
      this.#socket.terminate();
      this.#ended();
      return;
    }
    this.#noticeBytes += text.length;
    this.#socket.send(text, () => {
      this.#noticeBytes -= text.length;
    });
  }

  /** Tells the client why, and closes with the failure's close code. */
  close(failure: Failure): void {
    if (this.#closed) return;
    const code = FAILURES[failure.code].closeCode ?? 1011;
    if (failure.code !== 'normal') {
      this.#counters.refuse(failure.code);
      this.notify({ type: 'ERROR', code, reason: failure.detail });
    }
    this.#socket.close(code, failure.detail.slice(0, 120));
    const grace = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS);
    grace.unref();
    this.#ended();
  }

  #receive(data: string | Uint8Array): void {
    if (this.#closed) return;
    this.#heardAt = Date.now();
    this.#pingedAt = null;
    this.#counters.receivedBytes += data.length;
    this.#meter(data.length);
    if (typeof data !== 'string') {
      if (data.length > 2 * this.#limits.maxMessage)
        return this.close({ code: 'message-too-large', detail: `over twice maxMessage, ${this.#limits.maxMessage}` });
      const decoded = decodeMessage(data);
      if (!decoded.ok) return this.close(decoded.failure);
      return this.#forward(data);
    }
    const decoded = decodeClientFrame(data);
    if (!decoded.ok) return this.close(decoded.failure);
    const frame = decoded.value;
    switch (frame.type) {
      case 'MESSAGE': {
        if (frame.from !== undefined && frame.from !== this.publicKey)
          return this.close({ code: 'bad-frame', detail: 'MESSAGE: from is not your key' });
        if (frame.content.length > 2 * this.#limits.maxMessage)
          return this.close({ code: 'message-too-large', detail: `over twice maxMessage, ${this.#limits.maxMessage}` });
        return this.#forward(encodeMessage(decodeHex(frame.to) ?? new Uint8Array(32), frame.content));
      }
      case 'PING':
        return this.notify({ type: 'PONG', id: frame.id });
      case 'PONG':
        return;
      default:
        return this.close({ code: 'bad-frame', detail: `${frame.type} after registration` });
    }
  }

  #forward(message: Uint8Array): void {
    this.#counters.receivedMessages++;
    this.onmessage?.(message);
  }

  /** Over its rate a sender is paused: TCP pushes back and nothing is lost, at most `keepalive` at a time. */
  #meter(bytes: number): void {
    const now = this.#heardAt;
    const { bytesPerSecond, messagesPerSecond } = this.#limits;
    this.#byteDebt = Math.max(0, this.#byteDebt - ((now - this.#byteAt) * bytesPerSecond) / 1000) + bytes;
    this.#byteAt = now;
    const overBytes = this.#byteDebt - bytesPerSecond * BURST_SECONDS;
    const wait = Math.max(
      this.#messages.take(now) ? 0 : 1000 / messagesPerSecond,
      overBytes > 0 ? (overBytes * 1000) / bytesPerSecond : 0,
    );
    if (wait === 0 || this.#pausedUntil > now || !this.#socket.pause()) return;
    this.#counters.pauses++;
    const pauseMs = Math.min(this.#keepaliveMs, Math.max(10, wait));
    this.#pausedUntil = now + pauseMs;
    setTimeout(() => {
      this.#pausedUntil = 0;
      if (!this.#closed) this.#socket.resume();
    }, pauseMs);
  }

  #tick(): void {
    if (this.#closed) return;
    const now = Date.now();
    // While the relay itself does not read, silence says nothing about the client.
    if (this.#pausedUntil > now) this.#heardAt = now;
    if (this.#pingedAt !== null && now - this.#pingedAt >= PONG_TIMEOUT_MS) {
      this.#counters.refuse('connection-lost');
      this.#socket.terminate();
      return this.#ended();
    }
    const silent = now - this.#heardAt;
    if (this.#pingedAt === null && silent >= this.#keepaliveMs) {
      this.#pingedAt = now;
      this.notify({ type: 'PING', id: ++this.#pingId });
    }
    const next =
      this.#pingedAt === null ? this.#heardAt + this.#keepaliveMs - now : this.#pingedAt + PONG_TIMEOUT_MS - now;
    this.#timer = setTimeout(() => this.#tick(), Math.max(50, next));
  }

  #ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.onclose?.();
    this.onmessage = null;
  }
}
