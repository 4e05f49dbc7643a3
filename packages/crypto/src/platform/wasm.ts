import { naclProvider } from '../nacl.js';
import type { CryptoProvider } from '../provider.js';
import { SECRETBOX_WASM } from './secretbox-wasm.js';

/** The exports of `wasm/secretbox.c`. TypeScript has the types of WebAssembly only in the DOM library. @internal */
export interface SecretboxExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  io(): number;
  seal(length: number): void;
  open(length: number): number;
}

// wasm/secretbox.c: `io`, and the longest text that fits.
const NONCE_AT = 32;
const TAG_AT = 64;
const TEXT_AT = 80;
const TEXT_BYTES = 122_880;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
/** The program writes whole vectors. */
const VECTOR_BYTES = 16;

/** The secretbox of one instance, whose memory holds only zeros between calls. @internal Exported for the tests. */
export function secretboxOf(
  exports: SecretboxExports,
): Required<Pick<CryptoProvider, 'secretboxSeal' | 'secretboxOpen'>> {
  const memory = new Uint8Array(exports.memory.buffer);
  const io = exports.io();
  const text = io + TEXT_AT;
  const tag = io + TAG_AT;

  function enter(key: Uint8Array, nonce: Uint8Array): void {
    if (key.length !== KEY_BYTES) throw new RangeError(`key must have ${KEY_BYTES} bytes, got ${key.length}`);
    if (nonce.length !== NONCE_BYTES) throw new RangeError(`nonce must have ${NONCE_BYTES} bytes, got ${nonce.length}`);
    memory.set(key, io);
    memory.set(nonce, io + NONCE_AT);
  }
  /** Overwrites the memory in use. The text is last; stack, stream and key are below it. */
  const wipe = (length: number) => memory.fill(0, 0, text + length + VECTOR_BYTES);

  return {
    secretboxSeal(key, nonce, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
      const { length } = plaintext;
      if (length > TEXT_BYTES) return naclProvider.secretboxSeal(key, nonce, plaintext, into);
      try {
        enter(key, nonce);
        memory.set(plaintext, text);
        exports.seal(length);
        into.set(memory.subarray(tag, text + length));
        return into;
      } finally {
        wipe(length);
      }
    },
    secretboxOpen(key, nonce, box, into) {
      const length = box.length - TAG_BYTES;
      if (length < 0) return null;
      if (length > TEXT_BYTES) return naclProvider.secretboxOpen(key, nonce, box, into);
      try {
        enter(key, nonce);
        memory.set(box, tag);
        if (exports.open(length) !== 0) return null;
        if (into === undefined) return memory.slice(text, text + length);
        into.set(memory.subarray(text, text + length));
        return into;
      } finally {
        wipe(length);
      }
    },
  };
}

/** Lengths at the edges of vectors, blocks and four blocks. The first block lacks 32 bytes. */
const CHECKED_LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 95, 96, 223, 224, 225, 255, 256, 257, 479, 480, 481, 512, 1_000];

/** Whether it seals like tweetnacl, opens the result, and refuses an altered one. */
function isRight({ secretboxSeal, secretboxOpen }: ReturnType<typeof secretboxOf>): boolean {
  const pattern = (length: number, step: number) => Uint8Array.from({ length }, (_, i) => i * step + length);
  const same = (a: Uint8Array | null, b: Uint8Array) => a?.length === b.length && a.every((byte, i) => byte === b[i]);
  return CHECKED_LENGTHS.every((length) => {
    const [key, nonce, plaintext] = [pattern(KEY_BYTES, 7), pattern(NONCE_BYTES, 11), pattern(length, 13)];
    const box = naclProvider.secretboxSeal(key, nonce, plaintext);
    if (!same(secretboxSeal(key, nonce, plaintext), box) || !same(secretboxOpen(key, nonce, box), plaintext))
      return false;
    const at = length % box.length;
    box[at] = (box[at] ?? 0) ^ 128;
    return secretboxOpen(key, nonce, box) === null;
  });
}

/**
 * `naclProvider` with a secretbox in WebAssembly with SIMD (`wasm/secretbox.c`, our own and not audited), which is
 * about four times as fast. It is `naclProvider` itself if WebAssembly or SIMD is missing, if the page's content
 * security policy refuses it (`script-src` without `'wasm-unsafe-eval'`), or if it does not return tweetnacl's bytes;
 * `name` says which. Texts over 120 KiB use tweetnacl. It never rejects.
 * @example
 * ```ts
 * const endpoint = new Endpoint('wss://relay.example', { provider: await wasmProvider() });
 * ```
 */
export async function wasmProvider(): Promise<CryptoProvider> {
  try {
    const bytes = Uint8Array.from(atob(SECRETBOX_WASM), (letter) => letter.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes);
    const secretbox = secretboxOf(instance.exports as unknown as SecretboxExports);
    return isRight(secretbox) ? { ...naclProvider, ...secretbox, name: 'wasm' } : naclProvider;
  } catch {
    return naclProvider;
  }
}
