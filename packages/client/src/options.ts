import { type CryptoProvider, Identity, type IdentityLike, type KeyStore } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import type { Encoding, Padding } from '@sws/protocol';
import { defaultProvider, defaultStore, loadProvider } from '#platform';
import type { NetworkOptions } from './platform/network-options.js';
import type { WebSocketConstructor } from './platform/transport.js';

/** Options of every connection. All have defaults that fit a page or program among friends. */
export interface ClientOptions {
  /**
   * Who you are. Set it to keep the key in a place of your own, or to have several identities in one process.
   * @defaultValue made on first use and saved: in IndexedDB, or in a file in the user's config folder
   */
  readonly identity?: IdentityLike | Promise<IdentityLike>;
  /**
   * The cryptographic primitives. Set it for speed: `wasmProvider` in a page that moves much data.
   * @defaultValue `naclProvider`; in Node `nodeProvider` with the fastest secretbox that is installed: `sodium-native`,
   * `libsodium-wrappers`, or tweetnacl
   */
  readonly provider?: CryptoProvider;
  /** A credential, at most 1,024 bytes of UTF-8, for a relay that asks for one (its `authorize`). @defaultValue none */
  readonly token?: string;
  /**
   * The relay's signing key, 64 hex digits. Set it to refuse every other server, even one with a valid certificate for the
   * relay's name. @defaultValue accepts the relay at the URL
   */
  readonly serverKey?: string;
  /** What the relay sends: `json` is readable in a debugger, `binary` is smaller. @defaultValue `binary` */
  readonly encoding?: Encoding;
  /** The class of the transport, for tests or another network stack. @defaultValue the platform's; in Node, `ws` */
  readonly WebSocket?: WebSocketConstructor;
  /** (Node) How the relay is reached: a private CA, a client certificate, headers, a proxy. @defaultValue as the environment says */
  readonly network?: NetworkOptions;
  /** How long to wait for a peer that is not connected, in ms. Raise it for peers that come and go. @defaultValue 0: fails at once */
  readonly waitForPeerMs?: number;
  /**
   * How long the socket stays open while the peer is unreachable, in ms. Raise it for devices that sleep; lower it where the
   * user should soon know. `Infinity` is allowed. @defaultValue 60,000
   */
  readonly resumeTimeoutMs?: number;
  /** The largest message accepted, in bytes; a larger one closes the socket with 1009. @defaultValue 16 MiB */
  readonly maxMessageBytes?: number;
  /**
   * How much a peer may have in flight to you, in bytes; up to 16 times as much if it is far away and sends fast. While
   * many strangers hold memory, a new one begins with 65,536 and reaches this by use.
   * @defaultValue 1 MiB; at least 65,536
   */
  readonly windowBytes?: number;
  /**
   * How much memory all peers together can make this process hold, in bytes: open channels and their windows, partial
   * messages, messages not yet delivered. When it is short, peers wait and strangers are refused (`over-limits`).
   * Raise it for a server with very many peers at once (each takes 72 KiB); lower it in a small container.
   * @defaultValue 256 MiB; in browsers 64 MiB
   */
  readonly maxMemoryBytes?: number;
  /**
   * How much of it strangers may take: peers that you did not dial and that `isKnown` does not name. Lower it where
   * strangers have little to say; raise it where everybody is a stranger. @defaultValue half of `maxMemoryBytes`
   */
  readonly maxStrangerMemoryBytes?: number;
  /**
   * How much of it one peer may take: half for channels, half for messages. Raise it with `maxMessageBytes`; lower it where
   * no single peer needs much. @defaultValue 36 MiB; in browsers 20 MiB
   */
  readonly maxPeerMemoryBytes?: number;
  /**
   * How lengths are hidden from the relay: `padme` rounds them up by at most 12 %; `none` saves those bytes where lengths
   * tell nothing. @defaultValue `padme`
   */
  readonly padding?: Padding;
}

/** The store behind `defaultIdentity`, to restore or replace the identity there. One store and process at a time holds it. */
export function defaultKeyStore(): KeyStore {
  return defaultStore();
}

let shared: { readonly store: KeyStore; readonly identity: Promise<Identity> } | null = null;

/** The identity to use, once the crypto of this platform is there too. @throws SwsError as `defaultIdentity` */
export async function identityOf({ identity, provider }: ClientOptions): Promise<IdentityLike> {
  if (provider === undefined) await loadProvider();
  return identity ?? defaultIdentity();
}

/**
 * The identity saved in this browser or for this user, made on first use. Every call in a process gives the same one.
 * @throws SwsError `identity-in-use` where another process holds it; `identity-damaged`; `store-unavailable`
 */
export function defaultIdentity(): Promise<Identity> {
  if (shared === null) {
    const store = defaultStore();
    const identity = store.loadOrCreate(() => randomBytes(32)).then((seed) => Identity.fromSeed(seed, defaultProvider));
    shared = { store, identity };
    identity.catch(() => {
      shared = null;
    });
  }
  return shared.identity;
}
