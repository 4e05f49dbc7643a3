import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { CryptoProvider, KeyStore } from '@sws/crypto';
import { defaultProvider as fastestProvider, fileStore, nodeProvider } from '@sws/crypto/node';
import { DEFAULT_MEMORY_LIMITS, type Failure, type MemoryLimits } from '@sws/protocol';
import { MAX_MAX_MESSAGE_BYTES } from '@sws/protocol/internal';
import envPaths from 'env-paths';
import { WebSocket } from 'ws';
import type { NetworkOptions } from './network-options.js';
import { failureOf, failureOfStatus, nodeTransport } from './node-network.js';
import type { WebSocketConstructor } from './transport.js';
import { fillYoungGeneration } from './young-generation.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// Check the version here: the first error of an older Node, a missing global of Web Crypto, would not say what to do.
if (major < 20 || (major === 20 && minor < 19))
  throw new Error(`@sws/client needs Node 20.19 or newer; this is Node ${process.versions.node}`);

export { nodeCloseEvent as closeEvent } from './close-event.js';
export { takeFreeTurn as acquireTabLock } from './turn.js';

/** The longest frame of a relay in either encoding (PROTOCOL §3). Longer frames of a hostile relay are not buffered. */
const MAX_FRAME_BYTES = 2 * MAX_MAX_MESSAGE_BYTES;

/** Sealed bytes do not compress. A relay that does not answer a close keeps the process for `closeTimeout` ms. */
const TRANSPORT = { perMessageDeflate: false, closeTimeout: 1_000, maxPayload: MAX_FRAME_BYTES };

export { warn } from './node-network.js';

/** `ws` with the cork that its TCP connection has, and less garbage collection. */
class NodeWebSocket extends WebSocket {
  failure: Failure | null = null;
  #tcp: Duplex | null = null;

  constructor(url: string, protocols: string, network: NetworkOptions | undefined) {
    super(url, protocols, { ...TRANSPORT, ...nodeTransport(url, network) });
    this.on('message', (data: Buffer) => fillYoungGeneration(data.length));
    this.once('upgrade', ({ socket }) => {
      this.#tcp = socket;
    });
    this.once('error', (error) => {
      if (this.#tcp === null) this.failure ??= failureOf(url, error);
    });
    this.once('unexpected-response', (_request, { statusCode = 0, headers }) => {
      this.failure = failureOfStatus(url, statusCode, headers.location);
      this.close();
    });
  }

  override send(data: string | Uint8Array): void {
    fillYoungGeneration(data.length);
    super.send(data);
  }

  cork(): void {
    this.#tcp?.cork();
  }

  uncork(): void {
    this.#tcp?.uncork();
  }
}

/** A class that reaches the relay as `network` says. */
export function webSocketFor(network: NetworkOptions | undefined): WebSocketConstructor | undefined {
  return class extends NodeWebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, network);
    }
  } as unknown as WebSocketConstructor;
}
/** The built-in provider, or the fastest installed one after `loadProvider`. */
export let defaultProvider: CryptoProvider = nodeProvider;

/** Looks once for faster libraries: `sodium-native`, or `libsodium-wrappers`. Never rejects. */
export async function loadProvider(): Promise<void> {
  defaultProvider = await fastestProvider();
}

export const defaultMemory: Pick<MemoryLimits, 'maxMemoryBytes' | 'maxPeerMemoryBytes'> = DEFAULT_MEMORY_LIMITS;

/** Node signs in its own thread: its provider takes a tenth of a millisecond. */
export const asyncSignatures = null;

/** A little longer than the lock of a killed process lasts. */
const LOCK_WAIT_MS = 12_000;

/**
 * Keeps the identity in a 0600 file in the user's config folder, locked while in use. It waits for a killed process's
 * lock.
 */
export function defaultStore(): KeyStore {
  const path = join(envPaths('sws', { suffix: '' }).config, 'identity');
  const message = `The identity ${path} is locked by another process, or by one that was killed: SWS waits for it, at most ${LOCK_WAIT_MS / 1_000} s.`;
  const onWait = (): void => process.emitWarning(message, { type: 'SwsWarning', code: 'identity-in-use' });
  return fileStore(path, { waitMs: LOCK_WAIT_MS, onWait });
}

export function baseUrl(): string | undefined {
  return undefined;
}

/** Lets the process end although a timer waits. */
export function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.();
}
