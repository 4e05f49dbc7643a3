// Our own secretbox in WebAssembly: what tweetnacl gives, and nothing left in memory.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { naclProvider } from '../src/index.js';
import { SECRETBOX_WASM } from '../src/platform/secretbox-wasm.js';
import { type SecretboxExports, secretboxOf, wasmProvider } from '../src/platform/wasm.js';

/** xorshift128: the same sequence in every run. */
function random(seed: number): () => number {
  let [a, b, c, d] = [seed, 0x9e3779b9, 0x243f6a88, 0xb7e15162];
  return () => {
    const t = a ^ (a << 11);
    [a, b, c] = [b, c, d];
    d = (d ^ (d >>> 19) ^ t ^ (t >>> 8)) | 0;
    return d >>> 0;
  };
}

async function instance() {
  const { instance } = await WebAssembly.instantiate(Buffer.from(SECRETBOX_WASM, 'base64'));
  const exports = instance.exports as unknown as SecretboxExports;
  return { ...secretboxOf(exports), exports, memory: Buffer.from(exports.memory.buffer) };
}

const { secretboxSeal, secretboxOpen, exports, memory } = await instance();
const EDGES = [
  0, 1, 15, 16, 31, 32, 33, 63, 64, 95, 96, 127, 128, 223, 224, 255, 256, 257, 479, 480, 511, 512, 767, 768, 1_024,
];
const zeros = Buffer.alloc(memory.length);
const key = new Uint8Array(32).fill(0xa5);
const nonce = new Uint8Array(24).fill(0x5a);

test('100,000 random boxes equal tweetnacl’s, open, and are refused when altered', { timeout: 300_000 }, () => {
  const next = random(7);
  const source = new Uint8Array(80_000);
  for (let i = 0; i < source.length; i++) source[i] = next();
  let wrong = 0;
  for (let i = 0; i < 100_000; i++) {
    // Few are long, as tweetnacl takes its time: up to 70 KiB each 500th, up to 4 KiB each 50th.
    const most = i % 500 === 0 ? 71_680 : i % 50 === 0 ? 4_096 : 600;
    const edge = EDGES[next() % EDGES.length] ?? 0;
    const length = i % 3 === 0 ? edge : next() % (most + 1);
    const from = next() % (source.length - length + 1);
    const plaintext = source.subarray(from, from + length);
    const [keyAt, nonceAt] = [next() % 70_000, next() % 70_000];
    const key = source.subarray(keyAt, keyAt + 32);
    const nonce = source.subarray(nonceAt, nonceAt + 24);
    const box = naclProvider.secretboxSeal(key, nonce, plaintext);
    if (Buffer.compare(secretboxSeal(key, nonce, plaintext), box) !== 0) wrong++;
    if (Buffer.compare(secretboxOpen(key, nonce, box) ?? Buffer.of(1), plaintext) !== 0) wrong++;
    const at = i % 2 === 0 ? next() % 16 : next() % box.length;
    box[at] = (box[at] ?? 0) ^ (1 << (next() % 8));
    if (secretboxOpen(key, nonce, box) !== null) wrong++;
  }
  expect(wrong).toBe(0);
});

test('Poly1305 agrees on limbs of all ones, where carries pass through all of them', () => {
  // The text is the stream itself XORed with what the tag is to be made of.
  for (const fill of [0xff, 0xfb, 0xfe, 0x00, 0x01, 0x80]) {
    for (let i = 0; i < 300; i++) {
      const key = new Uint8Array(32).fill(i);
      for (const length of [16, 32, 48, 64, 100, 600]) {
        const stream = naclProvider.secretboxSeal(key, nonce, new Uint8Array(length)).subarray(16);
        const plaintext = stream.map((byte) => byte ^ fill);
        const box = naclProvider.secretboxSeal(key, nonce, plaintext);
        if (Buffer.compare(secretboxSeal(key, nonce, plaintext), box) !== 0)
          expect.fail(`key ${i}, ${length} bytes of ${fill} differ`);
      }
    }
  }
});

describe('memory', () => {
  test('holds only zeros in a new instance', async () => {
    expect((await instance()).memory.equals(zeros)).toBe(true);
  });

  test.each([0, 1, 15, 17, 64, 255, 1_000, 61_440, 122_880])('holds only zeros after %i bytes', (length) => {
    const plaintext = new Uint8Array(length).fill(0x77);
    const box = secretboxSeal(key, nonce, plaintext);
    expect(memory.equals(zeros)).toBe(true);
    expect(secretboxOpen(key, nonce, box)).not.toBeNull();
    expect(memory.equals(zeros)).toBe(true);
    box[0] = (box[0] ?? 0) ^ 1;
    expect(secretboxOpen(key, nonce, box)).toBeNull();
    expect(memory.equals(zeros)).toBe(true);
  });

  test('holds only zeros after an error', () => {
    const plaintext = new Uint8Array(100).fill(0x77);
    expect(() => secretboxSeal(key, nonce, plaintext, new Uint8Array(3))).toThrow(RangeError);
    expect(memory.equals(zeros)).toBe(true);
    expect(() => secretboxSeal(new Uint8Array(33).fill(1), nonce, plaintext)).toThrow('key must have 32 bytes, got 33');
    expect(() => secretboxOpen(key, new Uint8Array(8), plaintext)).toThrow('nonce must have 24 bytes, got 8');
    expect(memory.equals(zeros)).toBe(true);
  });

  test('holds the key and the text during a call', () => {
    const seen: boolean[] = [];
    const look = (length: number) => {
      seen.push(memory.includes(Buffer.from(key)), memory.includes(Buffer.alloc(100, 0x77)));
      exports.seal(length);
    };
    secretboxOf({ ...exports, seal: look }).secretboxSeal(key, nonce, new Uint8Array(100).fill(0x77));
    expect(seen).toEqual([true, true]);
  });

  test('does not grow at any length', () => {
    for (const length of [122_880, 122_881, 3_000_000]) {
      const plaintext = new Uint8Array(length).fill(3);
      const box = secretboxSeal(key, nonce, plaintext);
      expect(Buffer.compare(box, naclProvider.secretboxSeal(key, nonce, plaintext))).toBe(0);
      expect(Buffer.compare(secretboxOpen(key, nonce, box) ?? Buffer.of(1), plaintext)).toBe(0);
    }
    expect(exports.memory.buffer.byteLength).toBe(131_072);
  });
});

test('seals and opens with overlapping arguments', () => {
  const plaintext = new Uint8Array(500).map((_, i) => i);
  const array = new Uint8Array(516);
  array.set(plaintext, 5);
  secretboxSeal(key, nonce, array.subarray(5, 505), array);
  expect(Buffer.compare(array, naclProvider.secretboxSeal(key, nonce, plaintext))).toBe(0);
  expect(secretboxOpen(key, nonce, array, array.subarray(1, 501))).toEqual(plaintext);
});

test('calls from many tasks and two instances do not interfere', async () => {
  const other = await instance();
  const tasks = Array.from({ length: 200 }, async (_, i) => {
    const mine = new Uint8Array(32).fill(i);
    const plaintext = new Uint8Array(i * 7).fill(i);
    const box = (i % 2 === 0 ? other.secretboxSeal : secretboxSeal)(mine, nonce, plaintext);
    await null;
    expect((i % 3 === 0 ? other.secretboxOpen : secretboxOpen)(mine, nonce, box)).toEqual(plaintext);
  });
  await Promise.all(tasks);
});

describe('wasmProvider', () => {
  afterEach(() => void vi.unstubAllGlobals());

  test('is tweetnacl with its own secretbox', async () => {
    const provider = await wasmProvider();
    expect(provider.name).toBe('wasm');
    expect(provider.x25519).toBe(naclProvider.x25519);
    expect(provider.secretboxSeal).not.toBe(naclProvider.secretboxSeal);
  });

  test('is tweetnacl alone without WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect(await wasmProvider()).toBe(naclProvider);
  });

  test('is tweetnacl alone if the module is refused', async () => {
    const instantiate = () => Promise.reject(new WebAssembly.CompileError('blocked by the content security policy'));
    vi.stubGlobal('WebAssembly', { instantiate });
    expect(await wasmProvider()).toBe(naclProvider);
  });

  test.each(['seal', 'open'] as const)('is tweetnacl alone if %s gives a wrong result', async (name) => {
    const { instantiate } = WebAssembly;
    vi.stubGlobal('WebAssembly', {
      async instantiate(bytes: Uint8Array<ArrayBuffer>) {
        const { instance } = await instantiate(bytes);
        return { instance: { exports: { ...instance.exports, [name]: () => 0 } } };
      },
    });
    expect(await wasmProvider()).toBe(naclProvider);
  });
});

test('is at most 3 kB in brotli, as text in a page', () => {
  expect(brotliCompressSync(SECRETBOX_WASM).length).toBeLessThanOrEqual(3_000);
});

const clang = (() => {
  try {
    execFileSync('wasm-ld', ['--version'], { stdio: 'ignore' });
    return /version (\d+)/.exec(execFileSync('clang', ['--version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return undefined;
  }
})();
const committed = readFileSync(new URL('../src/platform/secretbox-wasm.ts', import.meta.url), 'utf8');
const built = /with clang (\d+)/.exec(committed)?.[1];
test.skipIf(clang !== built)(
  `clang ${built} compiles the source to the committed bytes (skipped where it and wasm-ld are not installed)`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-wasm-'));
    try {
      const file = join(folder, 'secretbox-wasm.ts');
      execFileSync(process.execPath, [fileURLToPath(new URL('../wasm/build.mjs', import.meta.url)), file]);
      expect(readFileSync(file, 'utf8')).toBe(committed);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
