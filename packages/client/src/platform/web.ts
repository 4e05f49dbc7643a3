import { type CryptoProvider, type KeyStore, memoryStore, naclProvider } from '@sws/crypto';
import { webStorageStore } from '@sws/crypto/platform';
import type { WebSocketConstructor } from './transport.js';

/** Captured at import: installing the facade as `globalThis.WebSocket` does not recurse. */
export const defaultWebSocket: WebSocketConstructor | undefined = globalThis.WebSocket as unknown as
  | WebSocketConstructor
  | undefined;
export const defaultProvider: CryptoProvider = naclProvider;

/** Where the identity is kept: web storage; memory where there is none. */
export function defaultStore(): KeyStore {
  return typeof localStorage === 'undefined' ? memoryStore() : webStorageStore(localStorage);
}

/** URLs are relative to the page. */
export function baseUrl(): string | undefined {
  return typeof location === 'undefined' ? undefined : location.href;
}

/** Lets a process end although a timer waits: browsers have no such thing. */
export function unref(_timer: unknown): void {}
