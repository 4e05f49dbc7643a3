import { type CryptoProvider, naclProvider } from '@sws/crypto';

/** tweetnacl's until WebAssembly has come, and where the browser or the page's policy refuses it. */
let secretbox: CryptoProvider = naclProvider;

async function loadWasm(): Promise<void> {
  // A part of its own: the first view does not wait for it.
  const { wasmProvider } = await import('@sws/crypto/wasm');
  secretbox = await wasmProvider();
}

/** Seals by the fastest that is there by now: all give the same bytes. */
export const provider: CryptoProvider = {
  ...naclProvider,
  secretboxSeal: (...args) => secretbox.secretboxSeal(...args),
  secretboxOpen: (...args) => secretbox.secretboxOpen(...args),
};

loadWasm().catch(() => {});
