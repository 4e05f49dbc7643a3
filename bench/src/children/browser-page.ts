// The page of `pnpm bench browser`.
import { Endpoint, Identity } from '@sws/client';
import { naclProvider, verifySignature } from '@sws/crypto';
import { randomBytes, signAsync, verifySignatureAsync } from '@sws/crypto/platform';
import { wasmProvider } from '@sws/crypto/wasm';

const wasm = await wasmProvider();
const [key, nonce, seed, message] = [randomBytes(32), randomBytes(24), randomBytes(32), randomBytes(200)];
const publicKey = naclProvider.ed25519PublicKey(seed);
const signature = naclProvider.ed25519Sign(seed, message);

/** Each function gives microseconds: per frame or signature, or of one registration. */
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
  /** Registers at a relay. Resolves with the longest time, in microseconds, for which the page could do nothing else. */
  async register(relay: string): Promise<number> {
    const identity = Identity.generate(randomBytes);
    const { port1, port2 } = new MessageChannel();
    let [longest, last] = [0, performance.now()];
    port1.onmessage = () => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      port2.postMessage(null);
    };
    port2.postMessage(null);
    const endpoint = new Endpoint(relay, { identity });
    await endpoint.registered;
    port1.close();
    await endpoint.close({ graceMs: 0 });
    return longest * 1_000;
  },
};
export type PageBench = typeof bench;
Object.assign(globalThis, { bench });
