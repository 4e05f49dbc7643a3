import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lock } from 'proper-lockfile';
import { SwsError } from '../error.js';
import { decodeHex, encodeHex } from '../hex.js';
import { checkSeed, type KeyStore } from '../key-store.js';

/** A lock whose holder has not touched it for this long is taken over: its process is gone. */
const STALE_MS = 10_000;

/**
 * Keeps the seed in a file that only its owner can read (0600), replaced atomically, and locked from the first use until
 * `close`: two processes with one identity would fight for its registration.
 * @throws SwsError `identity-in-use` where another process holds it
 */
export function fileStore(path: string): KeyStore {
  let release: Promise<() => Promise<void>> | null = null;

  const acquire = async (): Promise<void> => {
    release ??= (async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      try {
        return await lock(path, { realpath: false, stale: STALE_MS });
      } catch (cause) {
        throw new SwsError('identity-in-use', `the identity ${path} is in use by another process`, { cause });
      }
    })();
    const taking = release;
    try {
      await taking;
    } catch (error) {
      if (release === taking) release = null;
      throw error;
    }
  };

  const read = async (): Promise<Uint8Array | null> => {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return null;
      throw error;
    }
    return checkSeed(decodeHex(text.trim()), path);
  };

  const write = async (seed: Uint8Array): Promise<void> => {
    const temporary = `${path}.${randomUUID()}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(`${encodeHex(seed)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await chmod(temporary, 0o600);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  };

  return {
    async load() {
      await acquire();
      return read();
    },
    async loadOrCreate(create) {
      await acquire();
      const existing = await read();
      if (existing !== null) return existing;
      const seed = checkSeed(create(), 'the new seed');
      await write(seed);
      return seed;
    },
    async replace(seed) {
      await acquire();
      await write(checkSeed(seed, 'the new seed'));
    },
    async remove() {
      await acquire();
      await rm(path, { force: true });
    },
    async close() {
      const held = release;
      release = null;
      if (held !== null) await (await held)();
    },
  };
}
