import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { isSendableCloseCode, MAX_REASON_BYTES } from '@sws/protocol/internal';
import type { ChannelSocket, SendItem, SocketEnd } from '../channel-socket.js';
import { EMPTY_CLOSE } from '../close-arguments.js';
import { SwsError } from '../sws-error.js';
import { EventListeners, type Handler, type Listener } from './event-listeners.js';

/** The longest data of a ping (RFC 6455 §5.5). */
const MAX_PING_BYTES = 125;
const CONSTANTS = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments'];
/** The accessors that `ws` makes enumerable. */
const ENUMERABLE = [
  'binaryType',
  'bufferedAmount',
  'extensions',
  'isPaused',
  'onclose',
  'onerror',
  'onmessage',
  'onopen',
  'protocol',
  'readyState',
  'url',
] as const;
/** Faults of the peer, which fire `error` as with `ws`. The loss of the peer fires only `close`. */
const PEER_FAULTS: readonly string[] = ['protocol-error', 'invalid-text', 'message-too-large'];

type Callback = (error?: Error) => void;
/** The types that `send` accepts. */
export type ServerSendData = string | number | ArrayBufferLike | ArrayBufferView | Blob;
/** Options of one message. */
export interface SendOptions {
  /**
   * Whether to send a binary message. Set it to send text as bytes, or bytes as text. @defaultValue false for a string
   * or number, true for bytes
   */
  readonly binary?: boolean | undefined;
  /** Whether this is the last fragment. It must be true, because a message is sent whole. @defaultValue true */
  readonly fin?: boolean | undefined;
  /** Ignored: sealed bytes do not compress. */
  readonly compress?: boolean | undefined;
  /** Ignored: there are no WebSocket frames between peers. */
  readonly mask?: boolean | undefined;
}
/** The types of received binary messages. */
export type ServerBinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

function toItem(data: ServerSendData, binary: boolean | undefined): SendItem {
  if (data instanceof Blob) return data;
  if (typeof data === 'string' || typeof data === 'number')
    return binary === true ? new TextEncoder().encode(String(data)) : String(data);
  const bytes = copyOf(data);
  return binary === false ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) : bytes;
}

/**
 * Copies bytes as `ws` does: `null` and `undefined` are empty, and an array holds byte values. @throws TypeError if
 * `data` cannot be sent
 */
function copyOf(data: unknown): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return new Uint8Array(data ? Buffer.from(data as ArrayBuffer) : []);
}

/** @throws TypeError if `data` cannot be sent, RangeError for more than 125 bytes */
function pingData(data: unknown): Buffer {
  const given = typeof data === 'function' ? '' : data;
  const bytes = Buffer.from(copyOf(typeof given === 'number' ? String(given) : given));
  if (bytes.length > MAX_PING_BYTES)
    throw new RangeError(`The data size must not be greater than ${MAX_PING_BYTES} bytes`);
  return bytes;
}

function notOpen(readyState: number): Error {
  const state = Object.keys(CONSTANTS)[readyState];
  return new Error(`WebSocket is not open: readyState ${readyState} (${state})`);
}

/** Calls listeners. Their errors become uncaught exceptions, as with `ws`, and the channel's work continues. */
function guard(action: () => void): void {
  try {
    action();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/**
 * An accepted peer with the interface of `ws`'s server-side WebSocket. `send` calls its callback when the channel has
 * the message and less than 1 MiB of this socket's data is unacknowledged, or less than what fills a far link (at most
 * 16.25 MiB). If the socket closes before, the callback gets an error.
 */
export class WsPeerSocket extends EventEmitter {
  /** The value 0 of `readyState`: the peer has not accepted yet. */
  declare static readonly CONNECTING: 0;
  /** The value 1 of `readyState`: messages can be sent. */
  declare static readonly OPEN: 1;
  /** The value 2 of `readyState`: the closing handshake has begun. */
  declare static readonly CLOSING: 2;
  /** The value 3 of `readyState`: closed, or never opened. */
  declare static readonly CLOSED: 3;
  /** The value 0 of `readyState`: the peer has not accepted yet. */
  declare readonly CONNECTING: 0;
  /** The value 1 of `readyState`: messages can be sent. */
  declare readonly OPEN: 1;
  /** The value 2 of `readyState`: the closing handshake has begun. */
  declare readonly CLOSING: 2;
  /** The value 3 of `readyState`: closed, or never opened. */
  declare readonly CLOSED: 3;
  /** The request's connection, under the name that `ws` uses; `createWebSocketStream` ends it. @internal */
  readonly _socket: Socket;
  readonly #socket: ChannelSocket;
  readonly #listeners = new EventListeners(this);
  #binaryType: ServerBinaryType = 'nodebuffer';
  #callbacks: Callback[] = [];
  #pings: Buffer[] = [];

  /** @internal Made by `SecureWebSocketServer`. */
  constructor(socket: ChannelSocket, connection: Socket) {
    super();
    this.#socket = socket;
    this._socket = connection;
    connection.on('close', () => this.terminate());
    socket.listener = {
      opened() {},
      message: (data) => guard(() => this.#message(data)),
      acknowledged: () => guard(() => this.#callBack()),
      interrupted: () => guard(() => this.emit('interrupted')),
      resumed: () => guard(() => this.emit('resumed')),
      ponged: () =>
        guard(() => {
          for (const data of this.#pings.splice(0)) this.emit('pong', data);
        }),
      closed: (end) => guard(() => this.#closed(end)),
    };
  }

  /** The type of received binary messages. Setting an invalid value changes nothing. @defaultValue `nodebuffer` */
  get binaryType(): ServerBinaryType {
    return this.#binaryType;
  }
  set binaryType(type: ServerBinaryType) {
    if (BINARY_TYPES.includes(type)) this.#binaryType = type;
  }
  /** Always empty: there are no extensions. */
  get extensions(): string {
    return '';
  }
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#socket.readyState;
  }
  /** The agreed subprotocol. */
  get protocol(): string {
    return this.#socket.protocol;
  }
  /** The URL at which the peer has dialled this server. */
  get url(): string {
    return this.#socket.url;
  }
  /** The other end's address. */
  get peer(): string {
    return this.#socket.peer;
  }
  /** Application bytes that the peer's process has not acknowledged. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }
  /** Whether the socket is paused. */
  get isPaused(): boolean {
    return this.#socket.paused;
  }
  /** Never called: an accepted socket is open already. */
  get onopen(): Handler {
    return this.#listeners.get('open');
  }
  set onopen(listener: Handler) {
    this.#listeners.set('open', listener);
  }
  /** Called with each `message`, as an event. */
  get onmessage(): Handler {
    return this.#listeners.get('message');
  }
  set onmessage(listener: Handler) {
    this.#listeners.set('message', listener);
  }
  /** Called with `close`, as an event. */
  get onclose(): Handler {
    return this.#listeners.get('close');
  }
  set onclose(listener: Handler) {
    this.#listeners.set('close', listener);
  }
  /** Called with `error`, as an event. */
  get onerror(): Handler {
    return this.#listeners.get('error');
  }
  set onerror(listener: Handler) {
    this.#listeners.set('error', listener);
  }

  /** Adds a listener that gets an event, as `ws` does. */
  addEventListener(type: string, listener: Listener, options?: { readonly once?: boolean }): void {
    this.#listeners.add(type, listener, options?.once === true);
  }
  /** Removes a listener that `addEventListener` has added. */
  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.remove(type, listener);
  }

  /** Sends a message; bytes are copied. @throws TypeError if `data` cannot be sent, and for `fin: false` */
  send(data: ServerSendData, options?: SendOptions | Callback, callback?: Callback): void {
    const { binary, fin = true } = typeof options === 'object' ? options : {};
    const done = typeof options === 'function' ? options : callback;
    if (!fin) throw new TypeError('fin must be true: a message is sent whole');
    const sent = this.#socket.send(toItem(data, binary));
    if (done === undefined) return;
    if (sent) {
      this.#callbacks.push(done);
      process.nextTick(() => this.#callBack());
    } else process.nextTick(done, notOpen(this.readyState));
  }

  /**
   * Asks the peer's process for a sign of life, end to end and authenticated. `pong`, with the data given here,
   * reports the answer. While the peer is unreachable, the ping waits. `data` is not sent. The channel ends by itself
   * if the peer is silent for `resumeTimeoutMs`. @throws TypeError if `data` cannot be sent, RangeError for more than
   * 125 bytes
   */
  ping(data?: unknown, mask?: unknown, callback?: (error: Error) => void): void {
    if (this.readyState === 1) {
      this.#pings.push(pingData(data));
      this.#socket.ping();
    }
    this.#called(data, mask, callback);
  }

  /** Only calls `callback`: the channel answers pings by itself. */
  pong(data?: unknown, mask?: unknown, callback?: (error: Error) => void): void {
    if (this.readyState === 1) pingData(data);
    this.#called(data, mask, callback);
  }

  /**
   * Sends what is queued, then closes. A reason without a code is not sent. @throws TypeError unless `code` is
   * 1000–1003, 1007–1014 or 3000–4999, RangeError for a `reason` over 123 bytes of UTF-8
   */
  close(code?: number, reason: string | Buffer = ''): void {
    if (this.readyState >= 2) return;
    if (code === undefined) return this.#socket.close(EMPTY_CLOSE);
    if (!isSendableCloseCode(code)) throw new TypeError('First argument must be a valid error code number');
    const text = String(reason);
    if (Buffer.byteLength(text) > MAX_REASON_BYTES)
      throw new RangeError(`The message must not be greater than ${MAX_REASON_BYTES} bytes`);
    this.#socket.close({ code, reason: text });
  }

  /** Closes at once with 1006, without waiting for the peer. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Delivers no messages until `resume`. The peer stops sending when its credit is used up. */
  pause(): void {
    if (this.readyState !== 3) this.#socket.pause();
  }
  /** Delivers messages again. */
  resume(): void {
    if (this.readyState !== 3) this.#socket.resume();
  }

  /** Resolves when the peer's process has everything sent so far. @throws SwsError if the socket closes first */
  delivered(): Promise<void> {
    return this.#socket.delivered();
  }

  /** Calls the first argument that is a function, with an error unless the socket is open. */
  #called(...given: unknown[]): void {
    const done = given.find((one) => typeof one === 'function') as Callback | undefined;
    if (done !== undefined) process.nextTick(done, ...(this.readyState === 1 ? [] : [notOpen(this.readyState)]));
  }

  #message(data: string | Uint8Array): void {
    if (typeof data === 'string') this.emit('message', Buffer.from(data), false);
    else this.emit('message', this.#binary(data), true);
  }

  #binary(data: Uint8Array): Buffer | ArrayBufferLike | Buffer[] {
    const buffer = Buffer.from(data.buffer, data.byteOffset, data.length);
    if (this.binaryType === 'arraybuffer') return data.slice().buffer;
    return this.binaryType === 'fragments' ? [buffer] : buffer;
  }

  #callBack(): void {
    if (!this.#socket.hasRoom) return;
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  #closed({ code, reason, failure }: SocketEnd): void {
    for (const callback of this.#callbacks.splice(0)) callback(failure ?? new SwsError('closed', 'the socket closed'));
    if (failure !== null && PEER_FAULTS.includes(failure.code) && this.listenerCount('error') > 0)
      this.emit('error', failure);
    this.emit('close', code, Buffer.from(reason));
    this._socket.destroy();
  }
}
for (const name of ENUMERABLE) Object.defineProperty(WsPeerSocket.prototype, name, { enumerable: true });
for (const [name, value] of Object.entries(CONSTANTS))
  for (const owner of [WsPeerSocket, WsPeerSocket.prototype])
    Object.defineProperty(owner, name, { value, enumerable: true, writable: false, configurable: false });
