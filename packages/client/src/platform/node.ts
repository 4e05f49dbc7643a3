import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { CryptoProvider, KeyStore } from '@sws/crypto';
import { fileStore, nodeProvider } from '@sws/crypto/node';
import envPaths from 'env-paths';
import { WebSocket } from 'ws';
import type { TransportSocket, WebSocketConstructor } from './transport.js';

export { nodeCloseEvent as closeEvent } from './close-event.js';
export { takeFreeTurn as takeTurn } from './turn.js';

/** `ws` without compression, as sealed bytes do not compress, and with the cork that its TCP connection has. */
export const defaultWebSocket: WebSocketConstructor | undefined = class extends WebSocket {
  #tcp: Duplex | null = null;

  constructor(url: string, protocols: string) {
    super(url, protocols, { perMessageDeflate: false });
    this.once('upgrade', ({ socket }) => {
      this.#tcp = socket;
    });
  }

  cork(): void {
    this.#tcp?.cork();
  }

  uncork(): void {
    this.#tcp?.uncork();
  }
} as unknown as new (
  url: string,
  protocols: string,
) => TransportSocket;
export const defaultProvider: CryptoProvider = nodeProvider;

/** Where the identity is kept: a 0600 file in the user's config folder, locked while in use. */
export function defaultStore(): KeyStore {
  return fileStore(join(envPaths('sws', { suffix: '' }).config, 'identity'));
}

export function baseUrl(): string | undefined {
  return undefined;
}

/** Lets the process end although a timer waits. */
export function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.();
}
