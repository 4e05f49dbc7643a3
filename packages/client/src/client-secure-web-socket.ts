import { SwsError } from '@sws/crypto';
import { parseAddressUrl } from './address-url.js';
import { type ClientOptions, defaultIdentity } from './options.js';
import { RelayConnection } from './relay-connection.js';
import { SecureWebSocket, type SocketTarget } from './secure-web-socket.js';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The subprotocols as a list. @throws DOMException SyntaxError for one that is no token, or stands twice */
export function checkProtocols(protocols: string | readonly string[] | undefined): readonly string[] {
  const list = protocols === undefined ? [] : typeof protocols === 'string' ? [protocols] : [...protocols].map(String);
  const seen = new Set<string>();
  for (const name of list) {
    // RFC 6455 §4.1: compared without regard to case, as the standard's constructor does.
    if (!TOKEN.test(name) || seen.has(name.toLowerCase()))
      throw new DOMException('a subprotocol is malformed or stands twice', 'SyntaxError');
    seen.add(name.toLowerCase());
  }
  return list;
}

/**
 * A WebSocket addressed by public key: `new ClientSecureWebSocket('wss://relay.example/<their key>/resource')`. It opens
 * when the peer has accepted end to end, and lives through reconnects.
 * @throws DOMException SyntaxError for a URL without an address, a malformed one, or bad subprotocols
 * @example
 * const socket = new ClientSecureWebSocket(url);
 * socket.onopen = () => socket.send('hello');
 * socket.onmessage = ({ data }) => console.log(data);
 */
export class ClientSecureWebSocket extends SecureWebSocket {
  constructor(url: string | URL, protocols?: string | readonly string[], options: ClientOptions = {}) {
    const parsed = parseAddressUrl(String(url));
    super({ url: parsed.href, peer: parsed.peer, resource: parsed.resource });
    const { peer, resource } = parsed;
    const target: SocketTarget = {
      url: parsed.href,
      peer,
      resource,
      protocols: checkProtocols(protocols),
      waitForPeerMs: options.waitForPeerMs ?? 0,
    };
    Promise.resolve(options.identity ?? defaultIdentity()).then(
      (identity) => this.connectThrough(RelayConnection.acquire(parsed.relay, identity, options), target),
      (error: unknown) =>
        this.fail(
          error instanceof SwsError ? error.code : 'identity-damaged',
          error instanceof Error ? error.message : '',
        ),
    );
  }

  /** A class with these options bound, for libraries that take a WebSocket class. */
  static with(
    bound: ClientOptions,
  ): new (
    url: string | URL,
    protocols?: string | readonly string[],
  ) => ClientSecureWebSocket {
    return class extends ClientSecureWebSocket {
      constructor(url: string | URL, protocols?: string | readonly string[]) {
        super(url, protocols, bound);
      }
    };
  }
}
