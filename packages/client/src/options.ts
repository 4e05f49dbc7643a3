import { type CryptoProvider, Identity, type IdentityLike, type KeyStore } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import type { Encoding, Padding } from '@sws/protocol';
import { defaultProvider, defaultStore, loadProvider } from '#platform';
import type { NetworkOptions } from './platform/network-options.js';
import type { WebSocketConstructor } from './platform/transport.js';

/** Options of every connection. The defaults fit a page or program whose users know each other. */
export interface ClientOptions {
  /**
   * Your identity. Set it to store the key yourself, or to use several identities in one process.
   * @defaultValue created on first use and saved: in IndexedDB, or in a file in the user's config folder
   */
  readonly identity?: IdentityLike | Promise<IdentityLike>;
  /**
   * The cryptographic primitives. Set it for speed: `wasmProvider` in a page that moves much data.
   * @defaultValue `naclProvider`; in Node `nodeProvider` with what is faster in `sodium-native`, or else in
   * `libsodium-wrappers`, if that is installed (`defaultProvider` of `@sws/crypto/node`)
   */
  readonly provider?: CryptoProvider;
  /** A credential for a relay that requires one (its `authorize`), at most 1,024 bytes of UTF-8. @defaultValue none */
  readonly token?: string;
  /**
   * The relay's signing key, 64 hex digits. Set it to refuse every other server, even one with a valid certificate for
   * the relay's name. @defaultValue accepts the relay at the URL
   */
  readonly serverKey?: string;
  /**
   * The encoding of the relay's MESSAGEs: `json` is readable in a debugger, `binary` is smaller. @defaultValue
   * `binary`
   */
  readonly encoding?: Encoding;
  /** The class of the transport, for tests or another network stack. @defaultValue the platform's; in Node, `ws` */
  readonly WebSocket?: WebSocketConstructor;
  /**
   * (Node) How to reach the relay: a private CA, a client certificate, headers, a proxy. @defaultValue from the
   * environment
   */
  readonly network?: NetworkOptions;
  /**
   * How long to wait for a peer that is not connected, in ms. Raise it for peers that come and go. @defaultValue 0:
   * fails at once
   */
  readonly waitForPeerMs?: number;
  /**
   * How long the socket stays open while the peer is unreachable, in ms. Raise it for devices that sleep. Lower it if
   * the user should learn of it sooner. `Infinity` is allowed. @defaultValue 60,000
   */
  readonly resumeTimeoutMs?: number;
  /** The largest accepted message, in bytes. A larger one closes the socket with 1009. @defaultValue 16 MiB */
  readonly maxMessageBytes?: number;
  /**
   * How many bytes a peer may have in flight to you; up to 16 times as many if it is far away and sends fast. While
   * many strangers hold memory, a new stranger starts with 65,536 bytes and reaches this by use. @defaultValue 1 MiB;
   * at least 65,536
   */
  readonly windowBytes?: number;
  /**
   * How much memory all peers together can make this process hold, in bytes: open channels and their windows, partial
   * messages, messages not yet delivered. When it is nearly used up, peers wait and strangers are refused
   * (`over-limits`). Raise it for a server with very many peers at once (each takes 72 KiB); lower it in a small
   * container. @defaultValue 256 MiB; in browsers 64 MiB
   */
  readonly maxMemoryBytes?: number;
  /**
   * How much of `maxMemoryBytes` strangers may take: peers that you did not dial and that `isKnown` does not name.
   * Lower it if strangers send little; raise it if all peers are strangers. @defaultValue half of `maxMemoryBytes`
   */
  readonly maxStrangerMemoryBytes?: number;
  /**
   * How much of `maxMemoryBytes` one peer may take: half for channels, half for messages. Raise it with
   * `maxMessageBytes`; lower it if no single peer needs much. @defaultValue 36 MiB; in browsers 20 MiB
   */
  readonly maxPeerMemoryBytes?: number;
  /**
   * How lengths are hidden from the relay. `padme` rounds them up by at most 12 %. `none` saves those bytes; use it if
   * lengths reveal nothing. @defaultValue `padme`
   */
  readonly padding?: Padding;
}

/**
 * The store of `defaultIdentity`, to restore or replace its identity. Only one store and process can hold it at a
 * time.
 */
export function defaultKeyStore(): KeyStore {
  return defaultStore();
}

let shared: { readonly store: KeyStore; readonly identity: Promise<Identity> } | null = null;

/**
 * Resolves with the identity to use, after it has loaded the platform's crypto. @throws SwsError as `defaultIdentity`
 */
export async function identityOf({ identity, provider }: ClientOptions): Promise<IdentityLike> {
  if (provider === undefined) await loadProvider();
  return identity ?? defaultIdentity();
}

/**
 * The identity saved in this browser or for this user, created on first use. Every call in a process returns the same
 * one.
 * @throws SwsError `identity-in-use` if another process holds it; `identity-damaged`; `store-unavailable`
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
