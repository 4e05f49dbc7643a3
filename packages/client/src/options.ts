import { type CryptoProvider, Identity, type KeyStore } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import type { Encoding, Padding } from '@sws/protocol';
import { defaultProvider, defaultStore } from '#platform';
import type { WebSocketConstructor } from './platform/transport.js';

/** Options of every connection; times in milliseconds. */
export interface ClientOptions {
  /** Who you are. @defaultValue created on first use and saved: web storage, or a file in the user's config folder */
  readonly identity?: Identity | Promise<Identity>;
  /** @defaultValue `nacl`; in Node, `node` */
  readonly provider?: CryptoProvider;
  /** A credential for the relay's `authorize`, at most 1 KiB. */
  readonly token?: string;
  /** Pins the relay: its signing key, 64 hex digits. */
  readonly serverKey?: string;
  /** What the relay sends: binary frames, or JSON ones to read along. @defaultValue `binary` */
  readonly encoding?: Encoding;
  /** The transport. @defaultValue the platform's WebSocket; in Node, `ws` */
  readonly WebSocket?: WebSocketConstructor;
  /** How long an absent peer is waited for. @defaultValue 0: an attempt fails at once */
  readonly waitForPeerMs?: number;
  /** How long a separation may last. @defaultValue 60,000 */
  readonly resumeTimeoutMs?: number;
  /** The largest message taken; above it the socket fails with 1009. @defaultValue 16 MiB */
  readonly maxMessageBytes?: number;
  /** What a peer may have in flight to you. @defaultValue 1 MiB, at least 65,536 */
  readonly windowBytes?: number;
  /** @defaultValue `padme`: lengths are rounded up by at most 12 % */
  readonly padding?: Padding;
}

/** The place where `defaultIdentity` keeps it, for those who restore or replace it there. Held by one store and process at a time. */
export function defaultKeyStore(): KeyStore {
  return defaultStore();
}

let shared: { readonly store: KeyStore; readonly identity: Promise<Identity> } | null = null;

/**
 * The identity saved in this browser or for this user, created on first use. One per process: every call gives the same.
 * @throws SwsError `identity-in-use` where another process holds it; `identity-damaged`
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
