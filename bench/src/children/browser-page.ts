// The page of `pnpm bench browser`.
import { naclProvider, verifySignature } from '@sws/crypto';
import { randomBytes, signAsync, verifySignatureAsync } from '@sws/crypto/platform';
import { wasmProvider } from '@sws/crypto/wasm';

const wasm = await wasmProvider();
const [key, nonce, seed, message] = [randomBytes(32), randomBytes(24), randomBytes(32), randomBytes(200)];
const publicKey = naclProvider.ed25519PublicKey(seed);
const signature = naclProvider.ed25519Sign(seed, message);

/** Each function resolves with microseconds per frame or signature. */
const bench = {
  wasmName: wasm.name,
  seal(which: 'tweetnacl' | 'wasm', bytes: number, frames: number): number {
    const provider = which === 'wasm' ? wasm : naclProvider;
    const plaintext = new Uint8Array(bytes).fill(7);
    const from = performance.now();
    for (let i = 0; i < frames; i++) {
      const opened = provider.secretboxOpen(key, nonce, provider.secretboxSeal(key, nonce, plaintext));
      if (opened?.length !== bytes) throw new Error('a box does not open');
    }
    return ((performance.now() - from) * 1_000) / frames;
  },
  sync(what: 'sign' | 'verify', count: number): number {
    const from = performance.now();
    for (let i = 0; i < count; i++) {
      if (what === 'sign') naclProvider.ed25519Sign(seed, message);
      else if (!verifySignature(naclProvider, publicKey, message, signature)) throw new Error('a signature fails');
    }
    return ((performance.now() - from) * 1_000) / count;
  },
  async async(what: 'sign' | 'verify', count: number): Promise<{ elapsed: number; blocked: number }> {
    let blocked = 0;
    const from = performance.now();
    for (let i = 0; i < count; i++) {
      const called = performance.now();
      const answer: Promise<unknown> =
        what === 'sign' ? signAsync(seed, message) : verifySignatureAsync(publicKey, message, signature);
      blocked += performance.now() - called;
      if ((await answer) === false) throw new Error('a signature fails');
    }
    return { elapsed: ((performance.now() - from) * 1_000) / count, blocked: (blocked * 1_000) / count };
  },
};
export type PageBench = typeof bench;
Object.assign(globalThis, { bench });
