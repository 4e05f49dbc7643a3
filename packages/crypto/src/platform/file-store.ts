import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { decodeHex, encodeHex } from '../hex.js';
import { checkSeed, type KeyStore } from '../key-store.js';
import { SwsError } from '../sws-error.js';

/** A lock that its holder has not touched for this long is taken over, because its process is gone. */
const STALE_MS = 10_000;
const LOOK_AGAIN_MS = 250;

/** Options of `fileStore`. */
export interface FileStoreOptions {
  /**
   * How long to wait for the lock, in ms. Set 12,000 if a restarted process must wait for the lock of the killed one,
   * which expires 10 s after its last use. @defaultValue 0: fails at once
   */
  readonly waitMs?: number;
  /** Called once if the store has to wait. Set it to tell the user why nothing happens. @defaultValue nothing */
  readonly onWait?: () => void;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/**
 * Keeps the seed in a file that only its owner can read (0600). The file is replaced atomically. It is locked (a folder
 * `<path>.lock`) from the first use until `close` or the end of the process, because two processes with one identity
 * would fight for its registration. `load` takes no lock, and can read what another process holds. Other errors of the
 * file system are Node's.
 * @throws SwsError `identity-in-use` if another store or process holds the lock for longer than `waitMs`
 */
export function fileStore(path: string, { waitMs = 0, onWait }: FileStoreOptions = {}): KeyStore {
  let release: (() => Promise<void>) | null = null;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs one task at a time. If two callers find no file, the second must find the first one's. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  const locked = <T>(work: () => Promise<T>): Promise<T> =>
    inTurn(async () => {
      if (release === null) {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        release = await takeLock();
      }
      return work();
    });

  const takeLock = async (): Promise<() => Promise<void>> => {
    const until = performance.now() + waitMs;
    for (let waits = 0; ; waits++) {
      try {
        return await lock(path, {
          realpath: false, // the file may not exist yet
          stale: STALE_MS,
          // The lock was taken over while this process was stopped. The default throws where nobody can catch it. The
          // next use reports it.
          onCompromised: () => {
            release = null;
          },
        });
      } catch (cause) {
        if (!hasCode(cause, 'ELOCKED')) throw cause;
        if (performance.now() >= until)
          throw new SwsError('identity-in-use', `the identity ${path} is in use by another process`, { cause });
      }
      if (waits === 0) onWait?.();
      await delay(LOOK_AGAIN_MS);
    }
  };

  const read = async (): Promise<Uint8Array | null> => {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
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
      await chmod(temporary, 0o600); // whatever the umask took away
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  };

  return {
    load: () => inTurn(read),
    loadOrCreate: (create) =>
      locked(async () => {
        const existing = await read();
        if (existing !== null) return existing;
        const seed = checkSeed(create(), 'the new seed');
        await write(seed);
        return seed;
      }),
    async replace(seed) {
      const next = checkSeed(seed, 'the new seed');
      await locked(() => write(next));
    },
    remove: () => locked(() => rm(path, { force: true })),
    close: () =>
      inTurn(async () => {
        const held = release;
        release = null;
        await held?.();
      }),
  };
}
