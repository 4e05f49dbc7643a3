import { parseAddress } from '@sws/crypto';
import type { ChannelEvent } from '@sws/protocol';
import type { ChannelHandle, ChannelReceiver } from './channel-handle.js';
import { byteLength, type CloseArguments } from './close-arguments.js';
import { Deliveries } from './deliveries.js';
import { onPageHide } from './on-page-hide.js';
import type { ConnectOffer, RelayConnection } from './relay-connection.js';
import { SwsError } from './sws-error.js';
import { hasEventFired, markEventFired, queueTask } from './task.js';

/** Whoever writes and waits for room has it while less than this is not yet acknowledged by the peer, … */
const HIGH_WATER_BYTES = 1_048_576;
/** … or, on a far link, no more than this beyond what may be under way: so that there is always something to send. */
const AHEAD_BYTES = 262_144;

/** What can be sent: text, bytes (owned from here), or a Blob that is read first. */
export type SendItem = string | Uint8Array<ArrayBuffer> | Blob;

/** Who a socket talks to. */
export interface SocketTarget {
  /** The whole URL, serialised. */
  readonly url: string;
  readonly peer: string;
  readonly resource: string;
}

/** How a socket ended; `failure` is what the `error` event tells, `null` where there is none. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly failure: SwsError | null;
}

/** What an interface makes of a socket's events. Each call is made in a task, never inside the caller's own call. */
export interface SocketListener {
  opened(): void;
  /** Also after `close`, until the peer has answered it: whether that still counts is the interface's to say. */
  message(data: string | Uint8Array): void;
  /** The peer's process has taken something new. */
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
 * A socket's state over one channel: what `readyState`, `bufferedAmount`, `send` and `close` mean, for whichever
 * interface shows it (the browser's, `ws`'s). It knows no events but its listener's.
 */
export class ChannelSocket implements ChannelReceiver {
  readonly url: string;
  readonly peer: string;
  readonly resource: string;
  /** The subprotocol agreed on; empty for none, and until open. */
  protocol = '';
  listener: SocketListener | null = null;
  /** Resolves once the socket is closed and its listener knows. */
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  #readyState: 0 | 1 | 2 | 3 = 0;
  #relay: RelayConnection | null = null;
  #channel: ChannelHandle | null = null;
  #offered: readonly string[] = [];
  /** Set once this end has decided how the socket ends: what the channel says then no longer counts. */
  #ending = false;
  /** Sends wait here behind a Blob that is being read. */
  #waiting: SendItem[] = [];
  #waitingBytes = 0;
  /** Bytes that the channel has and the peer's process has not acknowledged. Kept when the channel ends. */
  #unacknowledged = 0;
  /** Bytes given to `send` once it could no longer send: the standard has `bufferedAmount` grow all the same. */
  #unsendable = 0;
  /** The close that goes behind what waits. */
  #closing: CloseArguments | null = null;
  #paused = false;
  /** Messages, and a close behind them, that came while paused, or in one turn with another event. */
  #held: ChannelEvent[] = [];
  #takeQueued = false;
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

  /** The accepted end of a channel, open from the start. `relay` is released at the end. */
  static accepted(target: SocketTarget, relay: RelayConnection, channel: ChannelHandle): ChannelSocket {
    const socket = new ChannelSocket(target);
    socket.#relay = relay;
    socket.#channel = channel;
    socket.protocol = channel.protocol;
    socket.#readyState = 1;
    socket.#watchPage();
    // Whoever is told of it may set its listeners a few microtasks later, as after `await`.
    markEventFired();
    return socket;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }
  /** Application bytes that the peer's process has not acknowledged. It never shrinks within a task, nor once closed. */
  get bufferedAmount(): number {
    return this.#waitingBytes + this.#unsendable + this.#unacknowledged;
  }
  /** Whether a writer that goes no faster than the peer takes may go on. */
  get hasRoom(): boolean {
    const underWayBytes = this.#channel?.allowanceBytes ?? 0;
    const isFar = underWayBytes > HIGH_WATER_BYTES;
    return this.bufferedAmount < (isFar ? underWayBytes + AHEAD_BYTES : HIGH_WATER_BYTES);
  }
  get paused(): boolean {
    return this.#paused;
  }

  /** Opens a channel, while still CONNECTING; `relay` is this socket's to release. */
  connectThrough(relay: RelayConnection, offer: Omit<ConnectOffer, 'resource'>): void {
    this.#relay = relay;
    this.#offered = offer.protocols;
    this.#channel = relay.open(parseAddress(this.peer), { ...offer, resource: this.resource }, this);
  }

  /** Ends a socket for a reason of this end's: error, then close 1006, in a task. */
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
    // A close stays behind the messages before it; with none to wait for it is told even while paused.
    const waits = this.#held.length > 0 || hasEventFired() || (this.#paused && event.type === 'message');
    if (!waits) return this.#take(event);
    this.#held.push(event);
    this.#takeSoon();
  }

  /** Sends behind what was sent before. False if the socket can no longer send: the bytes count as buffered for good. */
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

  /** Closes behind everything sent; before it is open, fails instead. */
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

  /** Asks the peer's process for a sign of life: `ponged` tells that it came. */
  ping(): void {
    this.#channel?.ping();
  }

  /** Holds messages back; the peer may then send as much as it has credit for. */
  pause(): void {
    this.#paused = true;
  }

  /** Lets messages through again, each in a task of its own. */
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
      // The standard fails a connection whose server chose none of the subprotocols offered (establish a WebSocket connection).
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

  #takeSoon(): void {
    if (this.#takeQueued || this.#held.length === 0) return;
    this.#takeQueued = true;
    queueTask(this.#takeHeld);
  }

  readonly #takeHeld = (): void => {
    this.#takeQueued = false;
    if (this.#ending || (this.#paused && this.#held[0]?.type !== 'close')) return;
    const event = this.#held.shift();
    if (event !== undefined) this.#take(event);
    this.#takeSoon();
  };

  #flush(): void {
    for (let item = this.#waiting[0]; item !== undefined; item = this.#waiting[0]) {
      if (item instanceof Blob) {
        item.arrayBuffer().then(
          (buffer) => {
            if (this.#readyState === 3) return;
            this.#waiting[0] = new Uint8Array(buffer);
            this.#flush();
          },
          (cause: unknown) => this.#endSoon(new SwsError('unreadable', 'a Blob could not be read', { cause })),
        );
        return;
      }
      this.#waiting.shift();
      this.#waitingBytes -= sizeOf(item);
      this.#sendNow(item);
    }
    this.#closeChannel();
  }

  #sendNow(item: string | Uint8Array<ArrayBuffer>): boolean {
    try {
      this.#channel?.send(item);
      this.#unacknowledged = this.#channel?.bufferedAmount ?? 0;
      return true;
    } catch {
      // The channel has ended, and its close is on its way to this socket.
      this.#unsendable += sizeOf(item);
      return false;
    }
  }

  #closeChannel(): void {
    const close = this.#closing;
    if (close === null || this.#waiting.length > 0) return;
    this.#channel?.close(close.code, close.reason);
  }

  /** Gives the channel up now; the events follow in a task. */
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
    this.#held = [];
    this.#unsendable += this.#waitingBytes;
    this.#waiting = [];
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

  /** A page that goes away closes its sockets with 1001, as the browser's do, instead of leaving the peer to wait. */
  #watchPage(): void {
    this.#stopWatchingPage = onPageHide(() => {
      this.close(GOING_AWAY);
      this.#relay?.flush();
    });
  }
}
