import { parseAddress, SwsError } from '@sws/crypto';
import type { Channel, ChannelEvent } from '@sws/protocol';
import { closeEvent, SecureErrorEvent } from './events.js';
import type { RelayConnection } from './relay-connection.js';

type Handler<E extends Event> = ((event: E) => unknown) | null;
/** What `send` takes. */
export type SendData = string | ArrayBufferLike | ArrayBufferView | Blob;

const MAX_REASON_BYTES = 123;
const encoder = new TextEncoder();

/** How an attempt to connect is described. */
export interface SocketTarget {
  readonly url: string;
  readonly peer: string;
  readonly resource: string;
  readonly protocols: readonly string[];
  readonly waitForPeerMs: number;
}

/** A WebSocket whose other end is a public key: the WHATWG interface over one channel. */
export class SecureWebSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url: string;
  /** The other end's address. */
  readonly peer: string;
  /** Path and query for the peer alone. */
  readonly resource: string;
  readonly extensions = '';
  binaryType: BinaryType = 'blob';
  #readyState: 0 | 1 | 2 | 3 = 0;
  #relay: RelayConnection | null = null;
  #channel: Channel | null = null;
  /** Calls off a channel that waits for this tab's turn. */
  #stopWaiting: () => void = () => {};
  /** Sends wait here behind a Blob that is being read; bytes are counted in `bufferedAmount`. */
  #waiting: (Blob | string | Uint8Array)[] = [];
  #waitingBytes = 0;
  #closeArguments: { readonly code: number; readonly reason: string } | null = null;
  /** Bytes given to `send` once it could no longer send: the standard has `bufferedAmount` grow all the same. */
  #unsendable = 0;
  #deliveredWaits: {
    readonly after: number;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  readonly #handlers = new Map<string, (event: Event) => void>();

  /** @internal Use `ClientSecureWebSocket` or `Endpoint.connect`. */
  constructor(target: { readonly url: string; readonly peer: string; readonly resource: string }) {
    super();
    this.url = target.url;
    this.peer = target.peer;
    this.resource = target.resource;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }
  /** The subprotocol that the peer chose. */
  get protocol(): string {
    return this.#channel?.protocol ?? '';
  }
  /** Application bytes that the peer's process has not acknowledged. */
  get bufferedAmount(): number {
    return this.#waitingBytes + this.#unsendable + (this.#channel?.bufferedAmount ?? 0);
  }

  get onopen(): Handler<Event> {
    return this.#handler('open');
  }
  set onopen(handler: Handler<Event>) {
    this.#setHandler('open', handler);
  }
  get onmessage(): Handler<MessageEvent> {
    return this.#handler('message') as Handler<MessageEvent>;
  }
  set onmessage(handler: Handler<MessageEvent>) {
    this.#setHandler('message', handler as Handler<Event>);
  }
  get onclose(): Handler<CloseEvent> {
    return this.#handler('close') as Handler<CloseEvent>;
  }
  set onclose(handler: Handler<CloseEvent>) {
    this.#setHandler('close', handler as Handler<Event>);
  }
  get onerror(): Handler<Event> {
    return this.#handler('error');
  }
  set onerror(handler: Handler<Event>) {
    this.#setHandler('error', handler);
  }

  /** Sends a message; bytes are copied. @throws DOMException InvalidStateError while connecting */
  send(data: SendData): void {
    if (this.#readyState === 0) throw new DOMException('still connecting', 'InvalidStateError');
    const item = toItem(data);
    if (this.#readyState !== 1) {
      this.#unsendable += sizeOf(item);
      return;
    }
    this.#waiting.push(item);
    this.#waitingBytes += sizeOf(item);
    if (this.#waiting.length === 1) this.#flush();
  }

  /** Closes behind everything sent. @throws DOMException InvalidAccessError for a code but 1000 and 3000–4999; SyntaxError for a reason over 123 bytes */
  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999))
      throw new DOMException('a close code is 1000 or from 3000 to 4999', 'InvalidAccessError');
    if (reason !== undefined && encoder.encode(reason).length > MAX_REASON_BYTES)
      throw new DOMException(`a close reason has at most ${MAX_REASON_BYTES} bytes of UTF-8`, 'SyntaxError');
    if (this.#readyState >= 2) return;
    const connecting = this.#readyState === 0;
    this.#readyState = 2;
    this.#closeArguments =
      code === undefined
        ? { code: reason === undefined || reason === '' ? 1005 : 1000, reason: reason ?? '' }
        : { code, reason: reason ?? '' };
    if (connecting && this.#channel === null)
      queueMicrotask(() => this.fail('invalid-state', 'closed before it was open'));
    else if (this.#waiting.length === 0 || connecting) this.#closeChannel();
  }

  /** Resolves when the peer's process has everything sent so far; rejects with SwsError if the socket closes first. */
  delivered(): Promise<void> {
    const channel = this.#channel;
    const target = (channel?.messages.queued ?? 0) + this.#waiting.length;
    if (channel !== null && this.#waiting.length === 0 && channel.messages.acknowledged >= target)
      return Promise.resolve();
    if (channel === null || this.#readyState === 3)
      return Promise.reject(new SwsError('invalid-state', 'the socket is not open'));
    return new Promise((resolve, reject) => this.#deliveredWaits.push({ after: target, resolve, reject }));
  }

  /** @internal Opens a channel for this socket. */
  connectThrough(relay: RelayConnection, target: SocketTarget): void {
    if (this.#readyState !== 0) return relay.release();
    this.#relay = relay;
    this.#stopWaiting = relay.whenMyTurn(() => this.#openChannel(relay, target));
  }

  #openChannel(relay: RelayConnection, target: SocketTarget): void {
    const waitUntilMs = target.waitForPeerMs > 0 ? Date.now() + target.waitForPeerMs : 0;
    try {
      this.#channel = relay.open(
        parseAddress(target.peer),
        { resource: target.resource, protocols: target.protocols, waitUntilMs },
        (event) => this.receive(event),
      );
    } catch (error) {
      this.fail(error instanceof SwsError ? error.code : 'invalid-state', error instanceof Error ? error.message : '');
    }
  }

  /** @internal This socket is the accepted end of a channel. */
  adopt(relay: RelayConnection, channel: Channel): void {
    this.#relay = relay;
    this.#channel = channel;
    this.#readyState = 1;
  }

  /** @internal Ends a socket that has no channel: error, then close 1006. */
  fail(code: string, message: string): void {
    if (this.#readyState === 3) return;
    this.#ended(code, message, { code: 1006, reason: '', wasClean: false });
  }

  /** @internal An event of the channel. */
  receive(event: ChannelEvent): void {
    switch (event.type) {
      case 'open':
        if (this.#readyState === 0) {
          this.#readyState = 1;
          this.dispatchEvent(new Event('open'));
        }
        break;
      case 'message':
        this.#message(event.data);
        break;
      case 'acknowledged':
        this.#acknowledged();
        break;
      case 'interrupted':
      case 'resumed':
        this.dispatchEvent(new Event(event.type));
        break;
      case 'close': {
        const { failure, code, reason, wasClean } = event.end;
        this.#ended(failure?.code ?? null, failure?.detail ?? '', { code, reason, wasClean });
        break;
      }
    }
  }

  #message(data: string | Uint8Array): void {
    const channel = this.#channel;
    if (this.#readyState === 1) {
      const value =
        typeof data === 'string'
          ? data
          : this.binaryType === 'blob'
            ? new Blob([data as Uint8Array<ArrayBuffer>])
            : exactBuffer(data);
      this.dispatchEvent(new MessageEvent('message', { data: value, origin: originOf(this.url) }));
    }
    this.#relay?.run((_, now) => channel?.delivered(now));
  }

  #acknowledged(): void {
    const acknowledged = this.#channel?.messages.acknowledged ?? 0;
    for (const wait of this.#deliveredWaits) if (wait.after <= acknowledged) wait.resolve();
    this.#deliveredWaits = this.#deliveredWaits.filter(({ after }) => after > acknowledged);
    if (this.bufferedAmount === 0) this.dispatchEvent(new Event('drain'));
  }

  #flush(): void {
    for (let item = this.#waiting[0]; item !== undefined; item = this.#waiting[0]) {
      if (item instanceof Blob) {
        item.arrayBuffer().then(
          (buffer) => {
            // Its size stays what was counted at send; then the queue goes on.
            this.#waiting[0] = new Uint8Array(buffer);
            this.#flush();
          },
          () =>
            this.#relay?.run(() => this.#channel?.abort({ code: 'invalid-state', detail: 'a Blob could not be read' })),
        );
        return;
      }
      this.#waiting.shift();
      this.#waitingBytes -= sizeOf(item);
      this.#sendNow(item);
    }
    if (this.#closeArguments !== null) this.#closeChannel();
  }

  #sendNow(data: string | Uint8Array): void {
    const channel = this.#channel;
    if (channel === null || this.#readyState === 3) return;
    this.#relay?.run((_, now) => channel.send(data, now));
  }

  #closeChannel(): void {
    const channel = this.#channel;
    const { code, reason } = this.#closeArguments ?? { code: 1005, reason: '' };
    if (channel === null) return;
    this.#relay?.run((_, now) => channel.close(code, reason, now));
  }

  #ended(code: string | null, message: string, end: { code: number; reason: string; wasClean: boolean }): void {
    this.#readyState = 3;
    this.#unsendable += this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const error = new SwsError(code ?? 'invalid-state', message || `the socket closed with ${end.code}`);
    const acknowledged = this.#channel?.messages.acknowledged ?? 0;
    for (const wait of this.#deliveredWaits) {
      if (wait.after <= acknowledged) wait.resolve();
      else wait.reject(error);
    }
    this.#deliveredWaits = [];
    const relay = this.#relay;
    this.#relay = null;
    if (code !== null) this.dispatchEvent(new SecureErrorEvent(code, message));
    this.dispatchEvent(closeEvent(end));
    this.#stopWaiting();
    relay?.release();
  }

  #handler(type: string): Handler<Event> {
    return (this.#handlers.get(type) as Handler<Event> | undefined) ?? null;
  }

  /** An event handler attribute: its place among listeners is that of its first setting (HTML, event handlers). */
  #setHandler(type: string, handler: Handler<Event>): void {
    const known = this.#handlers.has(type);
    const value = typeof handler === 'function' ? handler : null;
    if (value === null) this.#handlers.delete(type);
    else this.#handlers.set(type, value);
    if (!known && value !== null) this.addEventListener(type, this.#dispatcher);
    if (value === null) this.removeEventListener(type, this.#dispatcher);
  }

  readonly #dispatcher = (event: Event): void => {
    this.#handlers.get(event.type)?.call(this, event);
  };
}

function toItem(data: SendData): Blob | string | Uint8Array {
  if (data instanceof Blob) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (data instanceof ArrayBuffer || (typeof SharedArrayBuffer === 'function' && data instanceof SharedArrayBuffer))
    return new Uint8Array(data).slice();
  return String(data);
}

function sizeOf(item: Blob | string | Uint8Array): number {
  if (typeof item === 'string') return encoder.encode(item).length;
  return item instanceof Blob ? item.size : item.length;
}

function exactBuffer(data: Uint8Array): ArrayBuffer {
  return data.slice().buffer as ArrayBuffer;
}

function originOf(url: string): string {
  return url === '' ? '' : new URL(url).origin;
}
