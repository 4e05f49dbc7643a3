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
  /** Ends an attempt that is not open yet, for a time limit of your own: `opened` and `closed` then reject with its reason. */
  readonly signal?: AbortSignal;
}

/** What an open stream gives. */
export interface SecureWebSocketConnection {
  /** Messages as they came: text as strings, bytes as Uint8Arrays. The peer gets its credit back as they are read. */
  readonly readable: ReadableStream<string | Uint8Array>;
  /** A write is done when there is room for more: when the peer's process has acknowledged all but 1 MiB, or what fills a far link (at most 16.25 MiB). */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  /** The subprotocol that the peer chose; empty for none. */
  readonly protocol: string;
  /** Always empty. */
  readonly extensions: string;
}

/**
 * A secure socket as a pair of WHATWG streams, after the WebSocketStream proposal. A reader that does not read stops the
 * peer's writer, and at most a window of bytes waits in between.
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
  /** Path and query for the peer alone. */
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
    // Whoever awaits one of them learns of the failure there; the other must not be an unhandled rejection.
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

  /** The streams of a socket that exists: one that an `Endpoint` accepted. Its events go here from now on. */
  static from(socket: SecureWebSocket): SecureWebSocketStream {
    const options = {};
    accepted.set(options, socket);
    return new SecureWebSocketStream(socket.url, options);
  }

  /** Sends what was written, then closes. @throws TypeError unless `info` is an object; DOMException as `WebSocket.close` does */
  close(info: StreamCloseInfo = {}): void {
    this.#socket.close(readCloseInfo(info));
  }
}

/** How `from` hands a socket to the constructor, whose own arguments are the proposal's. */
const accepted = new WeakMap<SecureWebSocketStreamOptions, SecureWebSocket>();

/** The readable side: the socket is paused except while a read is pending, and messages wait in it as the peer's credit. */
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
          // What still comes is dropped, so that the close behind it arrives.
          socket.resume();
        },
      },
      // Nothing is taken before somebody reads it: what is taken gives the peer its credit back.
      { highWaterMark: 0 },
    );
  }

  message(data: string | Uint8Array): void {
    if (this.#controller === null) return;
    this.#socket.pause();
    this.#controller.enqueue(data);
    this.#settle();
  }

  /** No more messages come: those before it have been read. */
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

/** The writable side: a write is done once there is room for the next. */
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

  /** The peer has acknowledged something. */
  wake(): void {
    const room = this.#room;
    this.#room = null;
    room?.();
  }

  /** Nothing can be written any more. */
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

  /** Closing the writable closes the socket; it is done when the peer has answered. What is then unread still comes to the reader. */
  async #close(): Promise<void> {
    if (this.#failure !== null) return;
    this.#controller = null;
    this.#socket.close(EMPTY_CLOSE);
    const end = await this.#ended;
    if (!end.wasClean) throw SecureWebSocketStreamError.of(end);
  }
}
