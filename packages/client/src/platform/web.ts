import { type CryptoProvider, naclProvider } from '@sws/crypto';
import type { CloseEventFields } from './close-event.js';
import type { WebSocketConstructor } from './transport.js';

/** Where the identity is kept: IndexedDB; where the browser refuses it, web storage; else memory. */
export { browserStore as defaultStore } from '@sws/crypto/platform';
/** Tabs of one origin register one at a time. */
export { takeLockTurn as acquireTabLock } from './lock-turn.js';

/** Captured at import: installing the facade as `globalThis.WebSocket` does not recurse. */
const platformWebSocket = globalThis.WebSocket as unknown as WebSocketConstructor | undefined;
/** How the network is reached is the browser's to say. */
export function webSocketFor(_network: unknown): WebSocketConstructor | undefined {
  return platformWebSocket;
}
/** The browser tells in its console. */
export function warn(_failure: unknown): void {}
export const defaultProvider: CryptoProvider = naclProvider;

/** Nothing is loaded by itself: a page that wants `@sws/crypto/wasm` passes it. */
export async function loadProvider(): Promise<void> {}

/** A tab shares a phone's memory with others. */
export const defaultMemory = { maxMemoryBytes: 64 * 1_048_576, maxPeerMemoryBytes: 20 * 1_048_576 };

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
