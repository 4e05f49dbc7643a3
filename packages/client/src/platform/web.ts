import { type CryptoProvider, naclProvider } from '@sws/crypto';
import type { CloseEventFields } from './close-event.js';
import type { WebSocketConstructor } from './transport.js';

/** Where the identity is kept: IndexedDB; where the browser refuses it, web storage; else memory. */
export { browserStore as defaultStore } from '@sws/crypto/platform';
/** Tabs of one origin register one at a time. */
export { takeLockTurn as takeTurn } from './lock-turn.js';

/** Captured at import: installing the facade as `globalThis.WebSocket` does not recurse. */
export const defaultWebSocket: WebSocketConstructor | undefined = globalThis.WebSocket as unknown as
  | WebSocketConstructor
  | undefined;
export const defaultProvider: CryptoProvider = naclProvider;

/** URLs are relative to the page, where a `<base>` says so to that. */
export function baseUrl(): string | undefined {
  if (typeof document !== 'undefined') return document.baseURI;
  return typeof location === 'undefined' ? undefined : location.href;
}

export function closeEvent(fields: CloseEventFields): CloseEvent {
  return new CloseEvent('close', fields);
}

/** Lets a process end although a timer waits: browsers have no such thing. */
export function unref(_timer: unknown): void {}
