import type { IdentityLike } from '@sws/crypto';
import { areSubprotocols } from '@sws/protocol/internal';
import { parseAddressUrl, type RelayUrl } from './address-url.js';
import { ChannelSocket } from './channel-socket.js';
import { type ClientOptions, identityOf } from './options.js';
import { type ConnectOffer, RelayConnection } from './relay-connection.js';
import { type SecureWebSocket, type SocketClass, socketClass } from './secure-web-socket.js';
import { toDomString, toStringOrSequence } from './web-idl.js';

/** The subprotocols as an unchecked list. @throws TypeError for a value that cannot be a string */
export function toProtocols(protocols: unknown): readonly string[] {
  return protocols === undefined ? [] : toStringOrSequence(protocols);
}

/** @throws DOMException SyntaxError for a subprotocol that is not a token, or is listed twice */
export function checkProtocols(list: readonly string[]): readonly string[] {
  if (!areSubprotocols(list))
    throw new DOMException('subprotocols must be different tokens (RFC 6455 §4.1)', 'SyntaxError');
  return list;
}

/** Connects once the identity is loaded. A failure before that ends the socket. */
export function connectAs(
  identity: Promise<IdentityLike>,
  relay: RelayUrl,
  options: ClientOptions,
  socket: ChannelSocket,
  offer: Omit<ConnectOffer, 'resource'>,
): ChannelSocket {
  identity
    .then((own) => {
      // Do not dial if the socket was closed meanwhile.
      if (socket.readyState === 0) socket.connectThrough(RelayConnection.acquire(relay, own, options), offer);
    })
    .catch((error: unknown) => socket.fail(error));
  return socket;
}

function connect(given: readonly unknown[], options: ClientOptions): ChannelSocket {
  const [url, protocols] = given;
  if (given.length === 0) throw new TypeError('the constructor needs a URL');
  const text = toDomString(url);
  const names = toProtocols(protocols);
  const { href, relay, peer, resource } = parseAddressUrl(text);
  const offer = { protocols: checkProtocols(names), waitForPeerMs: options.waitForPeerMs ?? 0 };
  const socket = new ChannelSocket({ url: href, peer, resource });
  return connectAs(identityOf(options), relay, options, socket, offer);
}

/** A WebSocket class with bound options, for libraries that take a WebSocket class. */
export type BoundWebSocket = SocketClass &
  (new (
    url: string | URL,
    protocols?: string | readonly string[],
  ) => SecureWebSocket);

/** The class `ClientSecureWebSocket`. */
export interface ClientSecureWebSocketClass extends SocketClass {
  /**
   * Opens a socket to the address in `url`. @throws DOMException SyntaxError as described at `ClientSecureWebSocket`
   */
  new (url: string | URL, protocols?: string | readonly string[], options?: ClientOptions): SecureWebSocket;
  /** A class with these options bound, for libraries that take a WebSocket class. */
  with(bound: ClientOptions): BoundWebSocket;
}

/** A socket created by the class of this name. */
export type ClientSecureWebSocket = SecureWebSocket;

/**
 * A WebSocket addressed by public key: `new ClientSecureWebSocket('wss://relay.example/<their key>/resource')`. It
 * opens when the peer has accepted end to end, and stays open over reconnects.
 * @throws DOMException SyntaxError for a URL without an address, a malformed URL, or invalid subprotocols
 * @example
 * const socket = new ClientSecureWebSocket(url);
 * socket.onopen = () => socket.send('hello');
 * socket.onmessage = ({ data }) => console.log(data);
 */
export const ClientSecureWebSocket: ClientSecureWebSocketClass = Object.assign(
  socketClass(
    'ClientSecureWebSocket',
    (...given: [url: string | URL, protocols?: string | readonly string[], options?: ClientOptions]) =>
      connect(given, given[2] ?? {}),
  ),
  {
    with: (bound: ClientOptions): BoundWebSocket =>
      socketClass('WebSocket', (...given: [url: string | URL, protocols?: string | readonly string[]]) =>
        connect(given, bound),
      ),
  },
);
