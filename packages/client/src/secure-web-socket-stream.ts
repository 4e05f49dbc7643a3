import type { ChannelSocket, SocketEnd } from './channel-socket.js';
import { ClientSecureWebSocket } from './client-secure-web-socket.js';
import { EMPTY_CLOSE } from './close-arguments.js';
import type { ClientOptions } from './options.js';
import { channelSocketOf, type SecureWebSocket } from './secure-web-socket.js';
import { closeFor, readCloseInfo, SecureWebSocketStreamError, type StreamCloseInfo } from './stream-close.js';
import { SwsError } from './sws-error.js';
import { toDictionary, toSendItem, toSequence } from './web-idl.js';

/** Options of a stream, beside those of every connection. */
export interface SecureWebSocketStreamOptions extends ClientOptions {
  /** Subprotocols to offer, the preferred one first; the peer chooses. @defaultValue none */
  readonly protocols?: readonly string[];
  /**
   * Ends an attempt that is not open yet, for your own time limit. `opened` and `closed` then reject with its reason.
   */
  readonly signal?: AbortSignal;
}

/** The members of an open stream. */
export interface SecureWebSocketConnection {
  /** The received messages: text as strings, bytes as Uint8Arrays. Reading them returns credit to the peer. */
  readonly readable: ReadableStream<string | Uint8Array>;
  /**
   * The messages to send. A write is done when there is room for more: when the peer's process has acknowledged all but
   * 1 MiB, or all but what fills a far link (at most 16.25 MiB).
   */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  /** The subprotocol that the peer chose; empty for none. */
  readonly protocol: string;
  /** Always empty. */
  readonly extensions: string;
}

/**
 * A secure socket as a pair of WHATWG streams, after the WebSocketStream proposal. If nobody reads, the peer's writer
 * stops after at most a window of bytes.
 * @throws DOMException SyntaxError as `ClientSecureWebSocket` does; TypeError for malformed options
 * @example
 * const stream = new SecureWebSocketStream(url);
 * const { readable, writable } = await stream.opened;
 * await file.stream().pipeTo(writable);
 */
export class SecureWebSocketStream {
  /** The URL with the address, as the URL parser writes it. */
  readonly url: string;
  /** The other end's address. */
  readonly peer: string;
  /** Path and query, which only the peer sees. */
  readonly resource: string;
  /** Resolves once the peer has accepted; rejects with SecureWebSocketStreamError if it never opens. */
  readonly opened: Promise<SecureWebSocketConnection>;
  /** Resolves when both peers have closed cleanly; rejects with SecureWebSocketStreamError otherwise. */
  readonly closed: Promise<Required<StreamCloseInfo>>;
  readonly #socket: ChannelSocket;

  constructor(url: string | URL, options: SecureWebSocketStreamOptions = {}) {
    if (url === undefined) throw new TypeError('the constructor needs a URL');
    const { protocols, signal, ...rest } = toDictionary(options);
    const offered = protocols === undefined ? [] : toSequence(protocols);
    const facade = accepted.get(options) ?? new ClientSecureWebSocket(url, offered, rest);
    const socket = channelSocketOf(facade);
    this.#socket = socket;
    this.url = socket.url;
    this.peer = socket.peer;
    this.resource = socket.resource;

    let open: () => void = () => {};
    let aborted = false;
    const ended = new Promise<SocketEnd>((resolve) => {
      socket.listener = {
        opened: () => open(),
        message: (data) => reader.message(data),
        acknowledged: () => writer.wake(),
        closed: resolve,
      };
    });
    const reader = new MessageReader(socket);
    const writer = new MessageWriter(socket, ended);
    this.opened = new Promise((resolve, reject) => {
      const { readable } = reader;
      const { writable } = writer;
      open = () => resolve({ readable, writable, protocol: socket.protocol, extensions: '' });
      if (socket.readyState === 1) open();
      void ended.then((end) => reject(aborted ? signal?.reason : SecureWebSocketStreamError.of(end)));
    });
    this.closed = ended.then((end) => {
      if (aborted) throw signal?.reason;
      const failure = end.wasClean ? null : SecureWebSocketStreamError.of(end);
      reader.end(failure);
      writer.end(failure ?? new SwsError('closed', 'the socket is closed'));
      if (failure !== null) throw failure;
      return { closeCode: end.code, reason: end.reason };
    });
    // A caller may await only one of the two. The other must not become an unhandled rejection.
    this.opened.catch(() => {});
    this.closed.catch(() => {});
    const abort = (): void => {
      if (socket.readyState !== 0) return;
      aborted = true;
      socket.close(EMPTY_CLOSE);
    };
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    void ended.then(() => signal?.removeEventListener('abort', abort));
  }

  /** The streams of an existing socket, such as one that an `Endpoint` accepted. They take its events from now on. */
  static from(socket: SecureWebSocket): SecureWebSocketStream {
    const options = {};
    accepted.set(options, socket);
    return new SecureWebSocketStream(socket.url, options);
  }

  /**
   * Sends what was written, then closes. @throws TypeError unless `info` is an object; DOMException as
   * `WebSocket.close` does
   */
  close(info: StreamCloseInfo = {}): void {
    this.#socket.close(readCloseInfo(info));
  }
}

/** Passes a socket from `from` to the constructor, whose arguments are those of the proposal. */
const accepted = new WeakMap<SecureWebSocketStreamOptions, SecureWebSocket>();

/**
 * The readable side. The socket is paused except while a read is pending; waiting messages use up the peer's credit.
 */
class MessageReader {
  readonly readable: ReadableStream<string | Uint8Array>;
  readonly #socket: ChannelSocket;
  #controller: ReadableStreamDefaultController<string | Uint8Array> | null = null;
  #arrived: (() => void) | null = null;

  constructor(socket: ChannelSocket) {
    this.#socket = socket;
    socket.pause();
    this.readable = new ReadableStream<string | Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            this.#arrived = resolve;
            socket.resume();
          }),
        cancel: (why: unknown) => {
          this.#controller = null;
          socket.close(closeFor(why));
          // Drop further messages, to receive the close after them.
          socket.resume();
        },
      },
      // Take no message before it is read, because taking it returns its credit to the peer.
      { highWaterMark: 0 },
    );
  }

  message(data: string | Uint8Array): void {
    if (this.#controller === null) return;
    this.#socket.pause();
    this.#controller.enqueue(data);
    this.#settle();
  }

  /** Ends the stream, after all messages have been read. */
  end(failure: Error | null): void {
    if (failure === null) this.#controller?.close();
    else this.#controller?.error(failure);
    this.#controller = null;
    this.#settle();
  }

  #settle(): void {
    const arrived = this.#arrived;
    this.#arrived = null;
    arrived?.();
  }
}

/** The writable side. A write is done once there is room for the next. */
class MessageWriter {
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  readonly #socket: ChannelSocket;
  readonly #ended: Promise<SocketEnd>;
  #failure: Error | null = null;
  #controller: WritableStreamDefaultController | null = null;
  #room: (() => void) | null = null;

  constructor(socket: ChannelSocket, ended: Promise<SocketEnd>) {
    this.#socket = socket;
    this.#ended = ended;
    this.writable = new WritableStream<string | ArrayBuffer | ArrayBufferView>({
      start: (controller) => {
        this.#controller = controller;
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (why: unknown) => socket.close(closeFor(why)),
    });
  }

  /** Called when the peer has acknowledged more. */
  wake(): void {
    const room = this.#room;
    this.#room = null;
    room?.();
  }

  /** Ends the stream: nothing can be written any more. */
  end(failure: Error): void {
    this.#failure = failure;
    this.#controller?.error(failure);
    this.wake();
  }

  async #write(chunk: unknown): Promise<void> {
    if (typeof chunk !== 'string' && !(chunk instanceof ArrayBuffer) && !ArrayBuffer.isView(chunk))
      throw new TypeError('a chunk must be a string or bytes');
    if (!this.#socket.send(toSendItem(chunk))) throw this.#failure ?? new SwsError('closed', 'the socket is closing');
    while (this.#failure === null && !this.#socket.hasRoom) {
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /**
   * Closes the socket, and resolves when the peer has answered. The reader still gets messages that are unread then.
   */
  async #close(): Promise<void> {
    if (this.#failure !== null) return;
    this.#controller = null;
    this.#socket.close(EMPTY_CLOSE);
    const end = await this.#ended;
    if (!end.wasClean) throw SecureWebSocketStreamError.of(end);
  }
}
