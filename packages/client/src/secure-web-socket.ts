import { closeEvent } from '#platform';
import { ChannelSocket, type SocketListener } from './channel-socket.js';
import { checkClose } from './close-arguments.js';
import { EventHandlers, type Handler } from './event-handlers.js';
import { SecureErrorEvent } from './events.js';
import { toClampedUnsignedShort, toDomString, toSendItem } from './web-idl.js';

/** What `send` takes. */
export type SendData = string | ArrayBuffer | ArrayBufferView | Blob;

/** The events of a secure socket: the standard's four, and three of its own. */
export interface SecureWebSocketEventMap {
  readonly open: Event;
  readonly message: MessageEvent;
  /** What `onerror` is given as an Event, as the standard types it. */
  readonly error: SecureErrorEvent;
  readonly close: CloseEvent;
  /** Nothing is buffered any more: the peer's process has all that was sent. */
  readonly drain: Event;
  /** The connection to the relay is lost; the socket stays open and resumes. */
  readonly interrupted: Event;
  readonly resumed: Event;
}

/**
 * A WebSocket whose other end is a public key: the interface of the WHATWG WebSockets Standard, and what it lacks
 * (`peer`, `resource`, `delivered`, the `drain` event).
 */
export interface SecureWebSocket extends EventTarget {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  readonly url: string;
  readonly readyState: 0 | 1 | 2 | 3;
  /** Application bytes that the peer's process has not acknowledged. */
  readonly bufferedAmount: number;
  /** Always empty: there are none. */
  readonly extensions: string;
  /** The subprotocol that the peer chose. */
  readonly protocol: string;
  /** How binary messages are given out. @defaultValue `blob` */
  binaryType: BinaryType;
  onopen: Handler<Event>;
  onerror: Handler<Event>;
  onclose: Handler<CloseEvent>;
  onmessage: Handler<MessageEvent>;
  /** The other end's address. */
  readonly peer: string;
  /** Path and query for the peer alone. */
  readonly resource: string;
  /** Sends a message; bytes are copied. @throws DOMException InvalidStateError while connecting */
  send(data: SendData): void;
  /** Closes behind everything sent. @throws DOMException InvalidAccessError for a code but 1000 and 3000–4999; SyntaxError for a reason over 123 bytes */
  close(code?: number, reason?: string): void;
  /** Resolves when the peer's process has everything sent so far; rejects with SwsError if the socket closes first. */
  delivered(): Promise<void>;
  addEventListener<K extends keyof SecureWebSocketEventMap>(
    type: K,
    listener: (event: SecureWebSocketEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof SecureWebSocketEventMap>(
    type: K,
    listener: (event: SecureWebSocketEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** What every class of secure sockets has. */
export interface SocketClass {
  readonly prototype: SecureWebSocket;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
}

const CONSTANTS = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
/** The members that the standard has: enumerable, as Web IDL wants them. Ours beside them are not. */
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

interface Parts {
  readonly socket: ChannelSocket;
  readonly handlers: EventHandlers;
  binaryType: BinaryType;
}

/** What is behind each object: who is not in here is no socket. */
const parts = new WeakMap<object, Parts>();

function partsOf(object: object): Parts {
  const found = parts.get(object);
  if (found === undefined) throw new TypeError('Illegal invocation');
  return found;
}

/** The state behind a socket, for another interface to it (`@sws/client/ws`). */
export function channelSocketOf(socket: SecureWebSocket): ChannelSocket {
  return partsOf(socket).socket;
}

/** The bytes as an ArrayBuffer: their own, if it holds nothing else. */
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
 * Makes a class with the standard's interface, as Web IDL would: a direct child of EventTarget with every member its own,
 * so that a script (or a test of the standard) that looks at the class itself finds a WebSocket. `begin` makes the
 * state behind a new object from what the constructor was given.
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
    get binaryType(): BinaryType {
      return partsOf(this).binaryType;
    }
    set binaryType(value: BinaryType) {
      const own = partsOf(this);
      const text = toDomString(value);
      // Web IDL, enumerations: a value that is none of theirs is ignored.
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
    get onclose(): Handler<CloseEvent> {
      return partsOf(this).handlers.get('close');
    }
    set onclose(handler: Handler<CloseEvent>) {
      partsOf(this).handlers.set('close', handler);
    }
    get onmessage(): Handler<MessageEvent> {
      return partsOf(this).handlers.get('message');
    }
    set onmessage(handler: Handler<MessageEvent>) {
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
      if (arguments.length === 0) throw new TypeError('send takes data');
      const item = toSendItem(data);
      if (socket.readyState === 0) throw new DOMException('still connecting', 'InvalidStateError');
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

/** The class of accepted sockets, which only an `Endpoint` makes. Every secure socket is an instance of it. */
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
