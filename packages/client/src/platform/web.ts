import { type CryptoProvider, type IdentityLike, naclProvider } from '@sws/crypto';
import { signAsync, verifySignatureAsync } from '@sws/crypto/platform';
import type { SignatureTask } from '@sws/protocol';
import type { CloseEventFields } from './close-event.js';
import type { WebSocketConstructor } from './transport.js';

/** Keeps the identity in IndexedDB. If the browser refuses that, in web storage; otherwise in memory. */
export { browserStore as defaultStore } from '@sws/crypto/platform';
/** Tabs of one origin register one at a time. */
export { takeLockTurn as acquireTabLock } from './lock-turn.js';

/** Captured at import: installing the facade as `globalThis.WebSocket` does not recurse. */
const platformWebSocket = globalThis.WebSocket as unknown as WebSocketConstructor | undefined;
/** Ignores the network options: the browser decides how to reach the network. */
export function webSocketFor(_network: unknown): WebSocketConstructor | undefined {
  return platformWebSocket;
}
/** Does nothing: the browser reports failures in its console. */
export function warn(_failure: unknown): void {}
export const defaultProvider: CryptoProvider = naclProvider;

/** Signs and verifies registrations by Web Crypto, because tweetnacl blocks the page for tens of milliseconds. */
export async function asyncSignatures(identity: IdentityLike, task: SignatureTask): Promise<Uint8Array | boolean> {
  if (task.type === 'verify') return verifySignatureAsync(task.signingKey, task.message, task.signature);
  const seed = identity.exportSeed();
  const signature = signAsync(seed, task.message);
  seed.fill(0);
  return signature;
}

/** Loads nothing. A page that uses `@sws/crypto/wasm` passes it as an option. */
export async function loadProvider(): Promise<void> {}

/** Smaller than in Node, because a tab shares a phone's memory with others. */
export const defaultMemory = { maxMemoryBytes: 64 * 1_048_576, maxPeerMemoryBytes: 20 * 1_048_576 };

/** The base of relative URLs: the page's URL, or its `<base>`. */
export function baseUrl(): string | undefined {
  if (typeof document !== 'undefined') return document.baseURI;
  return typeof location === 'undefined' ? undefined : location.href;
}

export function closeEvent(fields: CloseEventFields): CloseEvent {
  return new CloseEvent('close', fields);
}

/** Does nothing: a browser's timer keeps no process running. */
export function unref(_timer: unknown): void {}
