import { parseAddress } from '@sws/crypto';
import type { ChannelEvent } from '@sws/protocol';
import { Deque } from '@sws/protocol/internal';
import type { ChannelHandle, ChannelReceiver } from './channel-handle.js';
import { byteLength, type CloseArguments } from './close-arguments.js';
import { Deliveries } from './deliveries.js';
import { onPageHide } from './on-page-hide.js';
import type { ConnectOffer, RelayConnection } from './relay-connection.js';
import { SwsError } from './sws-error.js';
import { hasEventFired, markEventFired, queueTask } from './task.js';

/** A writer has room while less than this is unacknowledged by the peer, … */
const HIGH_WATER_BYTES = 1_048_576;
/** … or, on a far link, at most this more than may be in flight. Then there is always data to send. */
const AHEAD_BYTES = 262_144;

/** The data to send: text, bytes (owned from here), or a Blob that is read first. */
export type SendItem = string | Uint8Array<ArrayBuffer> | Blob;

/** The peer and URL of a socket. */
export interface SocketTarget {
  /** The whole URL, serialised. */
  readonly url: string;
  readonly peer: string;
  readonly resource: string;
}

/** How a socket ended. `failure` is that of the `error` event; `null` if there was no error. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly failure: SwsError | null;
}

/** The callbacks of a socket's interface. Each is called in a task, never inside the caller's own call. */
export interface SocketListener {
  opened(): void;
  /**
   * Called after `close` too, until the peer has answered it. The interface decides whether to deliver the message
   * then.
   */
  message(data: string | Uint8Array): void;
  /** The peer's process has acknowledged more. */
  acknowledged(): void;
  interrupted?(): void;
  resumed?(): void;
  ponged?(): void;
  closed(end: SocketEnd): void;
}

const ABNORMAL = { code: 1006, reason: '', wasClean: false } as const;
/** "The page goes away" (WHATWG WebSockets, make disappear). */
const GOING_AWAY: CloseArguments = { code: 1001, reason: '' };
const PROTOCOL_ERROR = 1002;

function sizeOf(item: SendItem): number {
  if (typeof item === 'string') return byteLength(item);
  return item instanceof Uint8Array ? item.length : item.size;
}

/**
 * A socket's state over one channel: the meaning of `readyState`, `bufferedAmount`, `send` and `close`, for any
 * interface (the browser's, `ws`'s). It reports events only to its listener.
 */
export class ChannelSocket implements ChannelReceiver {
  readonly url: string;
  readonly peer: string;
  readonly resource: string;
  /** The agreed subprotocol; empty for none, and until open. */
  protocol = '';
  listener: SocketListener | null = null;
  /** Resolves once the socket is closed and its listener knows. */
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  #readyState: 0 | 1 | 2 | 3 = 0;
  #relay: RelayConnection | null = null;
  #channel: ChannelHandle | null = null;
  #offered: readonly string[] = [];
  /** Set once this end has decided how the socket ends. Later events of the channel are ignored. */
  #ending = false;
  /** Data to send that waits for a Blob that is being read. */
  readonly #waiting = new Deque<SendItem>();
  #waitingBytes = 0;
  /** Bytes given to the channel that the peer's process has not acknowledged. Kept when the channel ends. */
  #unacknowledged = 0;
  /** Bytes given to `send` after it could no longer send. By the standard, they count in `bufferedAmount`. */
  #unsendable = 0;
  /** The close to send after the waiting data. */
  #closing: CloseArguments | null = null;
  #paused = false;
  /** Messages, and a close after them, that arrived while paused, or in one turn with another event. */
  readonly #held = new Deque<ChannelEvent>();
  /** How many tasks are queued to take a held event each. */
  #tasks = 0;
  readonly #deliveries = new Deliveries();
  #stopWatchingPage: () => void = () => {};

  constructor(target: SocketTarget) {
    this.url = target.url;
    this.peer = target.peer;
    this.resource = target.resource;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** The accepted end of a channel, which is open from the start. It releases `relay` when it ends. */
  static accepted(target: SocketTarget, relay: RelayConnection, channel: ChannelHandle): ChannelSocket {
    const socket = new ChannelSocket(target);
    socket.#relay = relay;
    socket.#channel = channel;
    socket.protocol = channel.protocol;
    socket.#readyState = 1;
    socket.#watchPage();
    // The application may set its listeners a few microtasks later, as after `await`.
    markEventFired();
    return socket;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }
  /**
   * Application bytes that the peer's process has not acknowledged. It never shrinks within a task, nor once closed.
   */
  get bufferedAmount(): number {
    return this.#waitingBytes + this.#unsendable + this.#unacknowledged;
  }
  /** Whether a writer that waits for the peer may write more. */
  get hasRoom(): boolean {
    const underWayBytes = this.#channel?.allowanceBytes ?? 0;
    const isFar = underWayBytes > HIGH_WATER_BYTES;
    return this.bufferedAmount < (isFar ? underWayBytes + AHEAD_BYTES : HIGH_WATER_BYTES);
  }
  get paused(): boolean {
    return this.#paused;
  }

  /** Opens a channel while the socket is CONNECTING. The socket releases `relay` when it ends. */
  connectThrough(relay: RelayConnection, offer: Omit<ConnectOffer, 'resource'>): void {
    this.#relay = relay;
    this.#offered = offer.protocols;
    this.#channel = relay.open(parseAddress(this.peer), { ...offer, resource: this.resource }, this);
  }

  /** Ends a socket for a local reason: `error`, then `close` with 1006, in a task. */
  fail(error: unknown): void {
    const failure =
      error instanceof SwsError
        ? error
        : new SwsError('unexpected', error instanceof Error ? error.message : 'failed', { cause: error });
    this.#endSoon(failure);
  }

  /** An event of the channel. */
  receive(event: ChannelEvent): void {
    if (this.#ending) return;
    if (event.type !== 'message' && event.type !== 'close') return this.#take(event);
    // A close waits for the messages before it. Without any, it is reported even while paused.
    const waits = this.#held.length > 0 || hasEventFired() || (this.#paused && event.type === 'message');
    if (!waits) return this.#take(event);
    this.#held.push(event);
    this.#takeSoon();
  }

  /** Sends after what was sent before. Returns false if the socket can no longer send; the bytes then stay buffered. */
  send(item: SendItem): boolean {
    if (this.#readyState !== 1) {
      this.#unsendable += sizeOf(item);
      return false;
    }
    if (this.#waiting.length === 0 && !(item instanceof Blob)) return this.#sendNow(item);
    this.#waiting.push(item);
    this.#waitingBytes += sizeOf(item);
    if (this.#waiting.length === 1) this.#flush();
    return true;
  }

  /** Closes after everything that was sent. Before the socket is open, it fails instead. */
  close(close: CloseArguments): void {
    if (this.#readyState >= 2) return;
    const isOpen = this.#readyState === 1;
    this.#readyState = 2;
    if (!isOpen) return this.#endSoon(new SwsError('aborted', 'closed before it was open'));
    this.#closing = close;
    this.#closeChannel();
  }

  /** Ends at once with 1006. */
  terminate(): void {
    if (this.#readyState === 3) return;
    this.#readyState = 2;
    this.#endSoon(null);
  }

  /** Asks the peer's process for a sign of life. `ponged` reports it. */
  ping(): void {
    this.#channel?.ping();
  }

  /** Holds messages back. The peer may send until its credit is used up. */
  pause(): void {
    this.#paused = true;
  }

  /** Delivers messages again, each in its own task. */
  resume(): void {
    this.#paused = false;
    this.#takeSoon();
  }

  /** Resolves when the peer's process has everything sent so far; rejects with SwsError if the socket closes first. */
  delivered(): Promise<void> {
    const after = (this.#channel?.messages.queued ?? 0) + this.#waiting.length;
    if (this.#readyState !== 0 && this.#deliveries.acknowledged >= after && this.#unsendable === 0)
      return Promise.resolve();
    if (this.#readyState === 3) return Promise.reject(new SwsError('closed', 'the socket is closed'));
    if (this.#channel === null || this.#readyState === 0)
      return Promise.reject(new SwsError('not-open', 'the socket is not open yet'));
    return this.#deliveries.wait(after);
  }

  #take(event: ChannelEvent): void {
    markEventFired();
    switch (event.type) {
      case 'open':
        this.#opened();
        break;
      case 'message':
        this.listener?.message(event.data);
        this.#channel?.delivered();
        break;
      case 'acknowledged':
        this.#acknowledged();
        break;
      case 'interrupted':
        this.listener?.interrupted?.();
        break;
      case 'resumed':
        this.listener?.resumed?.();
        break;
      case 'pong':
        this.listener?.ponged?.();
        break;
      case 'close': {
        const { failure, code, reason, wasClean } = event.end;
        this.#ended({
          code,
          reason,
          wasClean,
          failure: failure === null ? null : new SwsError(failure.code, failure.detail, { cause: failure.cause }),
        });
        break;
      }
    }
  }

  #opened(): void {
    if (this.#readyState !== 0) return;
    const protocol = this.#channel?.protocol ?? '';
    if (this.#offered.length > 0 && protocol === '') {
      // By the standard, a connection fails if its server chose none of the offered subprotocols.
      this.#channel?.close(PROTOCOL_ERROR, 'no subprotocol was chosen');
      this.#ended({ ...ABNORMAL, failure: new SwsError('handshake-failed', 'no subprotocol was chosen') });
      return;
    }
    this.protocol = protocol;
    this.#readyState = 1;
    this.#watchPage();
    this.listener?.opened();
  }

  #acknowledged(): void {
    const channel = this.#channel;
    if (channel === null) return;
    this.#unacknowledged = channel.bufferedAmount;
    this.#deliveries.acknowledge(channel.messages.acknowledged);
    this.listener?.acknowledged();
  }

  /** Queues a task for each held event. Tasks of one turn of Node's event loop cost less than turns. */
  #takeSoon(): void {
    for (; this.#mayTake && this.#tasks < this.#held.length; this.#tasks++) queueTask(this.#takeHeld);
  }

  /** Whether the first held event need not wait: a close without messages before it is told even while paused. */
  get #mayTake(): boolean {
    return !this.#paused || this.#held.at(0)?.type === 'close';
  }

  readonly #takeHeld = (): void => {
    this.#tasks--;
    const event = this.#ending || !this.#mayTake ? undefined : this.#held.shift();
    if (event !== undefined) this.#take(event);
  };

  #flush(): void {
    for (let item = this.#waiting.at(0); item !== undefined; item = this.#waiting.at(0)) {
      if (item instanceof Blob) {
        item.arrayBuffer().then(
          (buffer) => {
            if (this.#readyState === 3) return;
            this.#sendFirst(new Uint8Array(buffer));
            this.#flush();
          },
          (cause: unknown) => this.#endSoon(new SwsError('unreadable', 'a Blob could not be read', { cause })),
        );
        return;
      }
      this.#sendFirst(item);
    }
    this.#closeChannel();
  }

  /** Sends `item`, which is or was read from the first that waits. */
  #sendFirst(item: string | Uint8Array<ArrayBuffer>): void {
    this.#waiting.shift();
    this.#waitingBytes -= sizeOf(item);
    this.#sendNow(item);
  }

  #sendNow(item: string | Uint8Array<ArrayBuffer>): boolean {
    try {
      this.#channel?.send(item);
      this.#unacknowledged = this.#channel?.bufferedAmount ?? 0;
      return true;
    } catch {
      // The channel has ended, but its close has not reached this socket yet.
      this.#unsendable += sizeOf(item);
      return false;
    }
  }

  #closeChannel(): void {
    const close = this.#closing;
    if (close === null || this.#waiting.length > 0) return;
    this.#channel?.close(close.code, close.reason);
  }

  /** Ends the channel now. The events follow in a task. */
  #endSoon(failure: SwsError | null): void {
    if (this.#ending || this.#readyState === 3) return;
    this.#ending = true;
    const detail = failure?.message ?? 'terminated locally';
    this.#channel?.terminate({ code: 'aborted', detail });
    queueTask(() => this.#ended({ ...ABNORMAL, failure }));
  }

  #ended(end: SocketEnd): void {
    this.#ending = true;
    this.#readyState = 3;
    this.#held.clear();
    this.#unsendable += this.#waitingBytes;
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#stopWatchingPage();
    this.#deliveries.fail(end.failure ?? new SwsError('closed', `the socket closed with ${end.code}`));
    const relay = this.#relay;
    this.#relay = null;
    try {
      this.listener?.closed(end);
    } finally {
      this.#resolveClosed();
      relay?.release();
    }
  }

  /** Closes the socket with 1001 when the page goes away, as browsers do, so that the peer need not wait. */
  #watchPage(): void {
    this.#stopWatchingPage = onPageHide(() => {
      this.close(GOING_AWAY);
      this.#relay?.flush();
    });
  }
}
