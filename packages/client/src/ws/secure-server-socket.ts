import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { SwsError } from '@sws/crypto';
import { isSendableCloseCode } from '@sws/protocol';
import type { ChannelSocket, SendItem, SocketEnd } from '../channel-socket.js';
import { EMPTY_CLOSE } from '../close-arguments.js';
import { EventListeners, type Handler, type Listener } from './event-listeners.js';

/** Above this much unacknowledged data `send`'s callback waits: who awaits it goes no faster than the peer takes. */
const HIGH_WATER_BYTES = 1_048_576;
const MAX_REASON_BYTES = 123;
/** A ping's data (RFC 6455 §5.5). */
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
/** What the peer got wrong: told by an `error` event, as `ws` does; losing the peer is told by `close` alone. */
const PEER_FAULTS: readonly string[] = ['protocol-error', 'invalid-text', 'message-too-big'];

type Callback = (error?: Error) => void;
/** What `send` takes. */
export type ServerSendData = string | number | ArrayBufferLike | ArrayBufferView | Blob;
/** `compress` and `mask` have no meaning here: they are ignored. */
export interface SendOptions {
  /** @defaultValue what the data's type says */
  readonly binary?: boolean | undefined;
  /** @defaultValue true; nothing else is supported */
  readonly fin?: boolean | undefined;
  readonly compress?: boolean | undefined;
  readonly mask?: boolean | undefined;
}
/** How binary messages are given out. */
export type ServerBinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

function toItem(data: ServerSendData, binary: boolean | undefined): SendItem {
  if (data instanceof Blob) return data;
  if (typeof data === 'string' || typeof data === 'number')
    return binary === true ? new TextEncoder().encode(String(data)) : String(data);
  const bytes = copyOf(data);
  return binary === false ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) : bytes;
}

/** Bytes as `ws` reads them: what is empty or nothing is no bytes, an array is its numbers. @throws TypeError for what is no data */
function copyOf(data: unknown): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return new Uint8Array(data ? Buffer.from(data as ArrayBuffer) : []);
}

/** @throws TypeError for what is no data, RangeError for more than 125 bytes */
function pingData(data: unknown): Buffer {
  const given = typeof data === 'function' ? '' : data;
  const bytes = Buffer.from(copyOf(typeof given === 'number' ? String(given) : given));
  if (bytes.length > MAX_PING_BYTES)
    throw new RangeError(`The data size must not be greater than ${MAX_PING_BYTES} bytes`);
  return bytes;
}

function notOpen(readyState: number): Error {
  const state = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'][readyState];
  return new Error(`WebSocket is not open: readyState ${readyState} (${state})`);
}

/** A listener that throws is an uncaught exception, as with `ws`; the channel's own work goes on. */
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
 * An accepted peer behind the interface of `ws`'s server-side WebSocket.
 * `send`'s callback is called when the channel has the message and at most 1 MiB of this socket's data is
 * unacknowledged; with an error if the socket closes before.
 */
export class SecureServerSocket extends EventEmitter {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;
  /** The request's connection, where `ws` keeps it: `createWebSocketStream` ends it. @internal */
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

  /** Any other value is ignored. @defaultValue `nodebuffer` */
  get binaryType(): ServerBinaryType {
    return this.#binaryType;
  }
  set binaryType(type: ServerBinaryType) {
    if (BINARY_TYPES.includes(type)) this.#binaryType = type;
  }
  /** Always empty: there are none. */
  get extensions(): string {
    return '';
  }
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#socket.readyState;
  }
  /** The subprotocol agreed on. */
  get protocol(): string {
    return this.#socket.protocol;
  }
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
  get isPaused(): boolean {
    return this.#socket.paused;
  }
  get onopen(): Handler {
    return this.#listeners.get('open');
  }
  set onopen(listener: Handler) {
    this.#listeners.set('open', listener);
  }
  get onmessage(): Handler {
    return this.#listeners.get('message');
  }
  set onmessage(listener: Handler) {
    this.#listeners.set('message', listener);
  }
  get onclose(): Handler {
    return this.#listeners.get('close');
  }
  set onclose(listener: Handler) {
    this.#listeners.set('close', listener);
  }
  get onerror(): Handler {
    return this.#listeners.get('error');
  }
  set onerror(listener: Handler) {
    this.#listeners.set('error', listener);
  }

  addEventListener(type: string, listener: Listener, options?: { readonly once?: boolean }): void {
    this.#listeners.add(type, listener, options?.once === true);
  }
  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.remove(type, listener);
  }

  /** Sends a message; bytes are copied. @throws TypeError for what is no data, and for `fin: false`: a message goes whole */
  send(data: ServerSendData, options?: SendOptions | Callback, callback?: Callback): void {
    const { binary, fin = true } = typeof options === 'object' ? options : {};
    const done = typeof options === 'function' ? options : callback;
    if (!fin) throw new TypeError('a message is sent whole: fin: false is not supported');
    const sent = this.#socket.send(toItem(data, binary));
    if (done === undefined) return;
    if (sent) {
      this.#callbacks.push(done);
      process.nextTick(() => this.#callBack());
    } else process.nextTick(done, notOpen(this.readyState));
  }

  /**
   * Asks the peer's process for a sign of life. `pong`, with the data given here, tells that it came: end to end and
   * authenticated; after a separation, once the channel has resumed. The channel itself gives a silent peer up after
   * `resumeTimeoutMs`. `data` does not travel. @throws TypeError for what is no data, RangeError for more than 125 bytes
   */
  ping(data?: unknown, mask?: unknown, callback?: (error: Error) => void): void {
    if (this.readyState === 1) {
      this.#pings.push(pingData(data));
      this.#socket.ping();
    }
    this.#called(data, mask, callback);
  }

  /** Does nothing but call back: the channel answers its peer's questions by itself. */
  pong(data?: unknown, mask?: unknown, callback?: (error: Error) => void): void {
    if (this.readyState === 1) pingData(data);
    this.#called(data, mask, callback);
  }

  /** Closes behind everything sent; a reason without a code is not sent. @throws TypeError for a code that may not be sent, RangeError for a reason over 123 bytes */
  close(code?: number, reason: string | Buffer = ''): void {
    if (this.readyState >= 2) return;
    if (code === undefined) return this.#socket.close(EMPTY_CLOSE);
    if (!isSendableCloseCode(code)) throw new TypeError('First argument must be a valid error code number');
    const text = String(reason);
    if (Buffer.byteLength(text) > MAX_REASON_BYTES)
      throw new RangeError(`The message must not be greater than ${MAX_REASON_BYTES} bytes`);
    this.#socket.close({ code, reason: text });
  }

  /** Ends at once with 1006; the peer learns of it as soon as it is connected. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Holds messages back: the peer's sending stops when its credit is used up. */
  pause(): void {
    if (this.readyState !== 3) this.#socket.pause();
  }
  resume(): void {
    if (this.readyState !== 3) this.#socket.resume();
  }

  /** Resolves when the peer's process has everything sent so far. @throws SwsError if the socket closes first */
  delivered(): Promise<void> {
    return this.#socket.delivered();
  }

  /** Calls the first of these that is a function back, with an error unless open. */
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
    if (this.bufferedAmount > HIGH_WATER_BYTES) return;
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  #closed({ code, reason, failure }: SocketEnd): void {
    for (const callback of this.#callbacks.splice(0)) callback(failure ?? new SwsError('invalid-state', 'closed'));
    if (failure !== null && PEER_FAULTS.includes(failure.code) && this.listenerCount('error') > 0)
      this.emit('error', failure);
    this.emit('close', code, Buffer.from(reason));
    this._socket.destroy();
  }
}
for (const name of ENUMERABLE) Object.defineProperty(SecureServerSocket.prototype, name, { enumerable: true });
for (const [name, value] of Object.entries(CONSTANTS))
  for (const owner of [SecureServerSocket, SecureServerSocket.prototype])
    Object.defineProperty(owner, name, { value, enumerable: true, writable: false, configurable: false });
