import type { Identity } from '@sws/crypto';
import { parseAddressUrl, type RelayUrl } from './address-url.js';
import { ChannelSocket, type ConnectOffer } from './channel-socket.js';
import { type ClientOptions, defaultIdentity } from './options.js';
import { RelayConnection } from './relay-connection.js';
import { type SecureWebSocket, type SocketClass, socketClass } from './secure-web-socket.js';
import { toDomString, toStringOrSequence } from './web-idl.js';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The subprotocols as a list, not yet checked. @throws TypeError for what is no string */
export function toProtocols(protocols: unknown): readonly string[] {
  return protocols === undefined ? [] : toStringOrSequence(protocols);
}

/** @throws DOMException SyntaxError for a subprotocol that is no token, or stands twice */
export function checkProtocols(list: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  for (const name of list) {
    // RFC 6455 §4.1: compared without regard to case, as the standard's constructor does.
    if (!TOKEN.test(name) || seen.has(name.toLowerCase()))
      throw new DOMException('a subprotocol is malformed or stands twice', 'SyntaxError');
    seen.add(name.toLowerCase());
  }
  return list;
}

/** Connects once the identity is there; whatever keeps it from that ends the socket. */
export function connectAs(
  identity: Promise<Identity>,
  relay: RelayUrl,
  options: ClientOptions,
  socket: ChannelSocket,
  offer: ConnectOffer,
): ChannelSocket {
  identity
    .then((own) => {
      // One that was closed meanwhile dials nobody.
      if (socket.readyState === 0) socket.connectThrough(RelayConnection.acquire(relay, own, options), offer);
    })
    .catch((error: unknown) => socket.fail(error));
  return socket;
}

function connect(given: readonly unknown[], options: ClientOptions): ChannelSocket {
  const [url, protocols] = given;
  if (given.length === 0) throw new TypeError('a WebSocket needs a URL');
  const text = toDomString(url);
  const names = toProtocols(protocols);
  const { href, relay, peer, resource } = parseAddressUrl(text);
  const offer = { protocols: checkProtocols(names), waitForPeerMs: options.waitForPeerMs ?? 0 };
  const socket = new ChannelSocket({ url: href, peer, resource });
  return connectAs(Promise.resolve(options.identity ?? defaultIdentity()), relay, options, socket, offer);
}

/** A WebSocket class with options bound: what libraries take. */
export type BoundWebSocket = SocketClass &
  (new (
    url: string | URL,
    protocols?: string | readonly string[],
  ) => SecureWebSocket);

/** The class `ClientSecureWebSocket`. */
export interface ClientSecureWebSocketClass extends SocketClass {
  new (url: string | URL, protocols?: string | readonly string[], options?: ClientOptions): SecureWebSocket;
  /** A class with these options bound, for libraries that take a WebSocket class. */
  with(bound: ClientOptions): BoundWebSocket;
}

/** A socket made by the class of this name. */
export type ClientSecureWebSocket = SecureWebSocket;

/**
 * A WebSocket addressed by public key: `new ClientSecureWebSocket('wss://relay.example/<their key>/resource')`. It opens
 * when the peer has accepted end to end, and lives through reconnects.
 * @throws DOMException SyntaxError for a URL without an address, a malformed one, or bad subprotocols
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
