import { encodeHex } from '@sws/crypto';
import {
  decodeClientFrame,
  type Encoding,
  encodeFrame,
  encodeMessage,
  FAILURES,
  type Failure,
  type Limits,
  type RelayFrame,
} from '@sws/protocol';
import { MESSAGE_HEAD_BYTES, type Meter, undeliverable } from '@sws/protocol/internal';
import type { RefusalReason, ServerCounters } from './counters.js';
import { unwatch, type Watched, watch } from './liveness.js';
import { Notices } from './notices.js';
import { MAX_OVER_RATE_BYTES, Pace, type Paced } from './pace.js';
import { networkOf } from './remote-address.js';
import { CLOSE_GRACE_MS, closeReason, type SocketCause, type SocketLike } from './socket-like.js';

/** The result of a client's registration. */
export interface Registered {
  /** The client's address, 64 hex digits. */
  readonly publicKey: string;
  /** Its term (PROTOCOL §2): greater than any that this key had before. */
  readonly term: number;
  /** The limits that the client was told. */
  readonly limits: Limits;
  /** Seconds between signs of life. */
  readonly keepalive: number;
  /** How the relay encodes MESSAGEs to the client. */
  readonly encoding: Encoding;
  /** A label for logs. Do not put addresses into metrics. */
  readonly remoteAddress: string | null;
  /** Holds the client to its rate; `null` for no limit. */
  readonly meter: Meter | null;
}

/** How much a client has sent. */
export interface Received {
  /** MESSAGEs that were passed to `onmessage`. */
  messages: number;
  /** Bytes in frames of any kind. */
  bytes: number;
}

/** A relay PING unanswered for this long ends the connection. */
const PONG_TIMEOUT_MS = 5_000;
/** A connection that is silent for this long is idle. */
const IDLE_MS = 2_000;
/** A waiting frame counts as at least this many bytes. */
const HELD_COST_BYTES = 64;
const MESSAGE_TYPE = 1;

/**
 * A registered connection: codec, liveness, rate limit by pausing, and writes that report when they are done. Reading
 * is paused until `start`. The router calls `start` once `onmessage` is set, so that no message is lost before.
 */
export class ServerSecureWebSocket implements Watched {
  /** The client's address, 64 hex digits. */
  readonly publicKey: string;
  /** Its term (PROTOCOL §2). */
  readonly term: number;
  /** The client's IP address as the limits count it; `null` if unknown. */
  readonly remoteAddress: string | null;
  /** A binary MESSAGE (PROTOCOL §3), whichever encoding the client speaks; owned by the callee. */
  onmessage: ((message: Uint8Array) => void) | null = null;
  /**
   * Called with how many more of the delivered MESSAGEs, in order, the kernel has taken or were dropped with the
   * connection. The counts finally add up to all MESSAGEs; some come after `onclose`.
   */
  onwritten: ((count: number) => void) | null = null;
  /** Called once. */
  onclose: (() => void) | null = null;
  /** What this client has sent since it registered. */
  readonly received: Received = { messages: 0, bytes: 0 };
  /** When it registered, by `performance.now()`. */
  readonly sinceMs = performance.now();
  readonly #socket: SocketLike;
  readonly #encoding: Encoding;
  readonly #limits: Limits;
  readonly #counters: ServerCounters;
  readonly #meter: Meter | null;
  readonly #keepaliveMs: number;
  /** Created when first needed, because most connections are idle. */
  #publicKeyBytes: Uint8Array | null = null;
  #pace: Pace | null = null;
  #notices: Notices | null = null;
  /** How many messages were given to the socket. */
  #sent = 0;
  #written = 0;
  /** Frames that arrived before `start` over a socket that cannot be paused. */
  #held: { readonly frames: (string | Uint8Array)[]; bytes: number } | null = null;
  #heardAt = performance.now();
  #bytesReceived = 0;
  #pingedAt = 0;
  #wasPaused = false;
  #pingId = 0;
  #started = false;
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
    this.term = term;
    this.remoteAddress = remoteAddress;
    socket.onmessage = (data) => this.#receive(data);
    socket.onframes = (count, bytes) => this.#receiveFrames(count, bytes);
    socket.onwritten = (count) => this.#wrote(count);
    socket.onclose = (cause) => this.#ended(cause);
    watch(this);
  }

  /** The 32 bytes of `publicKey`; not to be changed. */
  get publicKeyBytes(): Uint8Array {
    this.#publicKeyBytes ??= new Uint8Array(Buffer.from(this.publicKey, 'hex'));
    return this.#publicKeyBytes;
  }

  /** MESSAGEs and notices that were given to this client's socket. */
  get sentMessages(): number {
    return this.#sent;
  }

  /** The network for limits by address: the IPv4 address or the IPv6 /64; `null` if unknown. */
  get network(): string | null {
    return this.remoteAddress === null ? null : networkOf(this.remoteAddress);
  }

  /** Starts reading. */
  start(): void {
    if (this.#closed || this.#started) return;
    this.#started = true;
    const held = this.#held?.frames ?? [];
    this.#held = null;
    for (const data of held) this.#receive(data);
    if (this.#pace?.paused !== true) this.#socket.resume();
  }

  /** Sends one MESSAGE in the client's encoding, and owns its bytes. `onwritten` reports when it is written. */
  deliver(message: Uint8Array): void {
    if (this.#closed) return this.onwritten?.(1);
    this.#sent++;
    this.#socket.send(this.#encoding === 'binary' ? message : this.#jsonMessage(message));
  }

  /** Sends a frame of the relay's own. A client that leaves 1 MiB of them unread is cut. */
  notify(frame: RelayFrame): void {
    if (this.#closed) return;
    const text = encodeFrame(frame);
    this.#notices ??= new Notices(this.#counters);
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
    this.#socket.close(code, closeReason(failure.detail));
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
    // Messages of a closed client are dropped, but its answer to the close frame must be read.
    this.#ended(null);
    if (this.#pace === null) this.#socket.resume();
  }

  sweep(nowMs: number, lateMs: number): void {
    const bytes = this.#socket.bytesReceived();
    if (bytes !== null && bytes !== this.#bytesReceived) {
      this.#bytesReceived = bytes;
      this.#heardAt = nowMs;
      this.#pingedAt = 0;
    }
    if (this.#pace?.paused === true) return this.#sweepPaused(nowMs);
    if (this.#wasPaused) {
      this.#wasPaused = false;
      this.#pingedAt = 0;
      this.#heardAt = nowMs;
    }
    // An idle connection does not need a pace.
    if (nowMs - this.#heardAt > IDLE_MS) this.#pace = null;
    if (lateMs > 0) {
      // This process did not run for `lateMs`, which must not count as the client's silence.
      this.#heardAt = Math.min(nowMs, this.#heardAt + lateMs);
      if (this.#pingedAt !== 0) this.#pingedAt = Math.min(nowMs, this.#pingedAt + lateMs);
    }
    if (this.#pingedAt !== 0) {
      if (nowMs - this.#pingedAt >= PONG_TIMEOUT_MS) this.#cut('connection-lost');
    } else if (nowMs - this.#heardAt >= this.#keepaliveMs) this.#ping(nowMs);
  }

  /** While the client is not read, the relay sends it PINGs and does not count its silence. */
  #sweepPaused(nowMs: number): void {
    if (!this.#wasPaused) {
      this.#wasPaused = true;
      this.#pingedAt = nowMs;
    } else if (nowMs - this.#pingedAt >= this.#keepaliveMs / 2) this.#ping(nowMs);
  }

  #ping(nowMs: number): void {
    this.#pingedAt = nowMs;
    this.notify({ type: 'PING', id: ++this.#pingId });
  }

  #receive(data: string | Uint8Array): void {
    if (this.#closed) return this.#pace?.drop(data.length);
    if (!this.#started) return this.#hold(data);
    const paced = this.#take(data.length, 1);
    if (paced === 'far-over') return this.#farOver();
    const within = paced === 'within';
    if (typeof data === 'string') return this.#receiveText(data, within);
    if (data[0] !== MESSAGE_TYPE || data.length < MESSAGE_HEAD_BYTES)
      return this.close({ code: 'bad-frame', detail: 'not a binary MESSAGE' });
    this.#forward(data, within);
  }

  /** Counts pings, pongs and fragments like messages, because they cost the relay as much. */
  #receiveFrames(count: number, bytes: number): void {
    if (this.#closed) return this.#pace?.drop(bytes, count);
    this.#counters.receivedFrames += count;
    if (this.#take(bytes, count) === 'far-over') this.#farOver();
  }

  #take(bytes: number, messages: number): Paced {
    const now = performance.now();
    this.#heardAt = now;
    if (!this.#wasPaused) this.#pingedAt = 0;
    this.#counters.receivedBytes += bytes;
    this.received.bytes += bytes;
    this.#pace ??= new Pace(this.#socket, this.#meter, this.#keepaliveMs, this.#counters);
    return this.#pace.throttle(bytes, now, messages);
  }

  #farOver(): void {
    this.close({ code: 'rate-limited', detail: `${MAX_OVER_RATE_BYTES} bytes over the rate` });
  }

  #receiveText(text: string, within: boolean): void {
    const decoded = decodeClientFrame(text);
    if (!decoded.ok) return this.close(decoded.failure);
    const frame = decoded.value;
    switch (frame.type) {
      case 'MESSAGE':
        if (frame.from !== undefined && frame.from !== this.publicKey)
          return this.close({ code: 'bad-frame', detail: 'MESSAGE: from must be your key' });
        return this.#forward(encodeMessage(Buffer.from(frame.to, 'hex'), frame.content), within);
      case 'PING':
        return this.notify({ type: 'PONG', id: frame.id });
      case 'PONG':
        return;
      case 'CHALLENGE_RESPONSE':
        return this.close({ code: 'bad-frame', detail: `${frame.type} after registration` });
      default:
        return frame satisfies never;
    }
  }

  #forward(message: Uint8Array, within: boolean): void {
    const { maxMessage } = this.#limits;
    if (message.length > 2 * maxMessage)
      return this.close({ code: 'message-too-large', detail: `over twice maxMessage, ${maxMessage}` });
    if (!within) return this.#overRate(message);
    this.#counters.receivedMessages++;
    this.received.messages++;
    this.onmessage?.(message);
  }

  /** Tells a sender that cannot be paused that its message was dropped. */
  #overRate(message: Uint8Array): void {
    this.#counters.refuse('congested');
    const to = message.subarray(1, MESSAGE_HEAD_BYTES);
    this.notify(undeliverable(to, message.subarray(MESSAGE_HEAD_BYTES), 'congested'));
  }

  #hold(data: string | Uint8Array): void {
    this.#held ??= { frames: [], bytes: 0 };
    this.#held.frames.push(data);
    this.#held.bytes += data.length + HELD_COST_BYTES;
    if (this.#held.bytes > MAX_OVER_RATE_BYTES)
      this.close({ code: 'rate-limited', detail: 'too much data before the router attached' });
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
    if (this.#notices?.none === true) this.#notices = null;
    if (messages > 0) this.onwritten?.(messages);
  }

  #cut(reason: RefusalReason): void {
    this.#counters.refuse(reason);
    this.#ended(null);
    this.#socket.terminate();
  }

  #ended(cause: SocketCause): void {
    if (this.#closed) return;
    if (cause !== null) this.#counters.refuse(cause);
    this.#closed = true;
    this.#held = null;
    this.#pace?.stop();
    unwatch(this);
    this.onclose?.();
    this.onmessage = null;
  }
}
