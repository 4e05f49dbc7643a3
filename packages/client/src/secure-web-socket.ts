import { closeEvent } from '#platform';
import { ChannelSocket, type SocketListener } from './channel-socket.js';
import { checkClose } from './close-arguments.js';
import type {
  Listener,
  ListenOptions,
  RemoveOptions,
  SocketBinaryType,
  SocketCloseEvent,
  SocketMessageEvent,
} from './dom-types.js';
import { EventHandlers, type Handler } from './event-handlers.js';
import { SecureErrorEvent } from './events.js';
import { toClampedUnsignedShort, toDomString, toSendItem } from './web-idl.js';

/** The types that `send` accepts. */
export type SendData = string | ArrayBuffer | ArrayBufferView | Blob;

/** The events of a secure socket: four of the standard, and three of its own. */
export interface SecureWebSocketEventMap {
  /** The peer has accepted. */
  readonly open: Event;
  /** A message has arrived. */
  readonly message: SocketMessageEvent;
  /** The socket has failed. The standard types the argument of `onerror` as Event. */
  readonly error: SecureErrorEvent;
  /** The socket is closed, cleanly or not. */
  readonly close: SocketCloseEvent;
  /** Nothing is buffered any more: the peer's process has everything that was sent. */
  readonly drain: Event;
  /** The connection to the relay is lost; the socket stays open and resumes. */
  readonly interrupted: Event;
  /** After `interrupted`: both ends are connected again, and nothing was lost. */
  readonly resumed: Event;
}

/**
 * A WebSocket whose other end is a public key. It has the interface of the WHATWG WebSockets Standard, and `peer`,
 * `resource`, `delivered`, and the events `drain`, `interrupted` and `resumed`.
 */
export interface SecureWebSocket extends EventTarget {
  /** The value 0 of `readyState`: the peer has not accepted yet. */
  readonly CONNECTING: 0;
  /** The value 1 of `readyState`: messages can be sent. */
  readonly OPEN: 1;
  /** The value 2 of `readyState`: the closing handshake has begun. */
  readonly CLOSING: 2;
  /** The value 3 of `readyState`: closed, or never opened. */
  readonly CLOSED: 3;
  /** The URL with the address, as the URL parser writes it. */
  readonly url: string;
  /**
   * 0 connecting, 1 open, 2 closing, 3 closed. It stays 1 while the connection to the relay is interrupted.
   */
  readonly readyState: 0 | 1 | 2 | 3;
  /** Application bytes that the peer's process has not acknowledged. */
  readonly bufferedAmount: number;
  /** Always empty: there are no extensions. */
  readonly extensions: string;
  /** The subprotocol that the peer chose. */
  readonly protocol: string;
  /** The type of binary messages in `message` events. @defaultValue `blob` */
  binaryType: SocketBinaryType;
  /** Called with the `open` event. */
  onopen: Handler<Event>;
  /** Called with the `error` event, a `SecureErrorEvent`. */
  onerror: Handler<Event>;
  /** Called with the `close` event. */
  onclose: Handler<SocketCloseEvent>;
  /** Called with each `message` event. */
  onmessage: Handler<SocketMessageEvent>;
  /** The other end's address. */
  readonly peer: string;
  /** Path and query, which only the peer sees. */
  readonly resource: string;
  /** Sends a message; bytes are copied. @throws DOMException InvalidStateError while connecting */
  send(data: SendData): void;
  /**
   * Sends what is queued, then closes. @throws DOMException InvalidAccessError unless `code` is 1000 or 3000–4999;
   * SyntaxError for a `reason` over 123 bytes of UTF-8
   */
  close(code?: number, reason?: string): void;
  /** Resolves when the peer's process has everything sent so far; rejects with SwsError if the socket closes first. */
  delivered(): Promise<void>;
  /** Adds a listener, as `EventTarget` does. */
  addEventListener<K extends keyof SecureWebSocketEventMap>(
    type: K,
    listener: (event: SecureWebSocketEventMap[K]) => unknown,
    options?: boolean | ListenOptions,
  ): void;
  /** Adds a listener for an event that is not in the map. */
  addEventListener(type: string, listener: Listener | null, options?: boolean | ListenOptions): void;
  /** Removes a listener, as `EventTarget` does. */
  removeEventListener<K extends keyof SecureWebSocketEventMap>(
    type: K,
    listener: (event: SecureWebSocketEventMap[K]) => unknown,
    options?: boolean | RemoveOptions,
  ): void;
  /** Removes a listener for an event that is not in the map. */
  removeEventListener(type: string, listener: Listener | null, options?: boolean | RemoveOptions): void;
}

/** The static members of every class of secure sockets. */
export interface SocketClass {
  /** The members that all its sockets share. */
  readonly prototype: SecureWebSocket;
  /** The value 0 of `readyState`: the peer has not accepted yet. */
  readonly CONNECTING: 0;
  /** The value 1 of `readyState`: messages can be sent. */
  readonly OPEN: 1;
  /** The value 2 of `readyState`: the closing handshake has begun. */
  readonly CLOSING: 2;
  /** The value 3 of `readyState`: closed, or never opened. */
  readonly CLOSED: 3;
}

const CONSTANTS = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
/** The members of the standard. They are enumerable, as Web IDL requires; our other members are not. */
const STANDARD_MEMBERS = [
  'url',
  'readyState',
  'bufferedAmount',
  'onopen',
  'onerror',
  'onclose',
  'extensions',
  'protocol',
  'close',
  'onmessage',
  'binaryType',
  'send',
] as const;

const SHARED = Symbol.for('@sws/client sockets');

interface Parts {
  readonly socket: ChannelSocket;
  readonly handlers: EventHandlers;
  binaryType: SocketBinaryType;
}

/** Shared by all copies of this package in one program, so that each recognises the other's sockets. */
const shared = globalThis as { [SHARED]?: WeakMap<object, Parts> };
shared[SHARED] ??= new WeakMap();
/** The state of each socket. An object without an entry is not a socket. */
const parts = shared[SHARED];

function partsOf(object: object): Parts {
  const found = parts.get(object);
  if (found === undefined) throw new TypeError('Illegal invocation');
  return found;
}

/** The state of a socket, for another interface to it (`@sws/client/ws`). */
export function channelSocketOf(socket: SecureWebSocket): ChannelSocket {
  return partsOf(socket).socket;
}

/** The bytes as an ArrayBuffer. It is not copied if it holds nothing else. */
function arrayBufferOf(bytes: Uint8Array): ArrayBufferLike {
  return (bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice()).buffer;
}

/** Fires the standard's events at `target` (WHATWG WebSockets, feedback from the protocol). */
function eventsAt(target: EventTarget, socket: ChannelSocket): SocketListener {
  const fire = (type: string) => void target.dispatchEvent(new Event(type));
  const origin = socket.url === '' ? '' : new URL(socket.url).origin;
  return {
    opened: () => fire('open'),
    message(data) {
      // "If ready state is not OPEN, then return" (WHATWG WebSockets, when a message has been received).
      if (socket.readyState !== 1) return;
      const value =
        typeof data === 'string'
          ? data
          : partsOf(target).binaryType === 'blob'
            ? new Blob([data as Uint8Array<ArrayBuffer>])
            : arrayBufferOf(data);
      target.dispatchEvent(new MessageEvent('message', { data: value, origin }));
    },
    acknowledged() {
      if (socket.bufferedAmount === 0) fire('drain');
    },
    interrupted: () => fire('interrupted'),
    resumed: () => fire('resumed'),
    closed(end) {
      const { failure } = end;
      if (failure !== null) target.dispatchEvent(new SecureErrorEvent(failure.code, failure.message));
      target.dispatchEvent(closeEvent(end));
    },
  };
}

/**
 * Makes a class with the standard's interface, as Web IDL defines it: a direct child of EventTarget that has all
 * members itself. A script, or a test of the standard, that inspects the class finds a WebSocket. `begin` makes the
 * state of a new object from the constructor's arguments.
 */
export function socketClass<Arguments extends unknown[]>(
  name: string,
  begin: (...given: Arguments) => ChannelSocket,
): SocketClass & (new (...given: Arguments) => SecureWebSocket) {
  class Socket extends EventTarget {
    declare readonly CONNECTING: 0;
    declare readonly OPEN: 1;
    declare readonly CLOSING: 2;
    declare readonly CLOSED: 3;
    declare static readonly CONNECTING: 0;
    declare static readonly OPEN: 1;
    declare static readonly CLOSING: 2;
    declare static readonly CLOSED: 3;

    constructor(...given: Arguments) {
      super();
      const socket = begin(...given);
      parts.set(this, { socket, handlers: new EventHandlers(this), binaryType: 'blob' });
      socket.listener = eventsAt(this, socket);
    }

    get url(): string {
      return partsOf(this).socket.url;
    }
    get readyState(): 0 | 1 | 2 | 3 {
      return partsOf(this).socket.readyState;
    }
    get bufferedAmount(): number {
      return partsOf(this).socket.bufferedAmount;
    }
    get extensions(): string {
      partsOf(this);
      return '';
    }
    get protocol(): string {
      return partsOf(this).socket.protocol;
    }
    get binaryType(): SocketBinaryType {
      return partsOf(this).binaryType;
    }
    set binaryType(value: SocketBinaryType) {
      const own = partsOf(this);
      const text = toDomString(value);
      // Web IDL ignores a value that is not in the enumeration.
      if (text === 'blob' || text === 'arraybuffer') own.binaryType = text;
    }
    get onopen(): Handler<Event> {
      return partsOf(this).handlers.get('open');
    }
    set onopen(handler: Handler<Event>) {
      partsOf(this).handlers.set('open', handler);
    }
    get onerror(): Handler<Event> {
      return partsOf(this).handlers.get('error');
    }
    set onerror(handler: Handler<Event>) {
      partsOf(this).handlers.set('error', handler);
    }
    get onclose(): Handler<SocketCloseEvent> {
      return partsOf(this).handlers.get('close');
    }
    set onclose(handler: Handler<SocketCloseEvent>) {
      partsOf(this).handlers.set('close', handler);
    }
    get onmessage(): Handler<SocketMessageEvent> {
      return partsOf(this).handlers.get('message');
    }
    set onmessage(handler: Handler<SocketMessageEvent>) {
      partsOf(this).handlers.set('message', handler);
    }
    get peer(): string {
      return partsOf(this).socket.peer;
    }
    get resource(): string {
      return partsOf(this).socket.resource;
    }

    send(data: SendData): void {
      const { socket } = partsOf(this);
      // biome-ignore lint/complexity/noArguments: an argument left out is not the same as one that is undefined
      if (arguments.length === 0) throw new TypeError('send() needs an argument');
      const item = toSendItem(data);
      if (socket.readyState === 0)
        throw new DOMException('send() needs an open socket: it is still connecting', 'InvalidStateError');
      socket.send(item);
    }

    close(code?: number, reason?: string): void {
      const { socket } = partsOf(this);
      const status = code === undefined ? undefined : toClampedUnsignedShort(code);
      const text = reason === undefined ? '' : toDomString(reason);
      socket.close(checkClose(status, text));
    }

    delivered(): Promise<void> {
      return partsOf(this).socket.delivered();
    }
  }
  const value = (given: unknown) => ({ value: given, configurable: true });
  Object.defineProperties(Socket, { name: value(name), length: value(1) });
  Object.defineProperty(Socket.prototype, Symbol.toStringTag, value('WebSocket'));
  Object.defineProperty(Socket.prototype.close, 'length', value(0));
  for (const member of STANDARD_MEMBERS) Object.defineProperty(Socket.prototype, member, { enumerable: true });
  for (const [constant, number] of Object.entries(CONSTANTS)) {
    const fixed = { value: number, enumerable: true, writable: false, configurable: false };
    Object.defineProperty(Socket, constant, fixed);
    Object.defineProperty(Socket.prototype, constant, fixed);
  }
  return Socket;
}

/** The class of accepted sockets, which only an `Endpoint` creates. Every secure socket is an instance of it. */
export const SecureWebSocket: SocketClass & (new (socket: ChannelSocket) => SecureWebSocket) = socketClass(
  'SecureWebSocket',
  (socket: ChannelSocket) => {
    if (!(socket instanceof ChannelSocket)) throw new TypeError('Illegal constructor');
    return socket;
  },
);
Object.defineProperty(SecureWebSocket, Symbol.hasInstance, {
  value: (value: unknown) => typeof value === 'object' && value !== null && parts.has(value),
});
