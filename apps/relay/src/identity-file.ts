import { rename } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { Identity, type KeyStore, SwsError } from '@sws/crypto';
import { fileStore, nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';

/** How often to try the lock. Another relay that starts on the same file holds it for a few milliseconds. */
const LOCK_TRIES = 40;
const LOCK_WAIT_MS = 50;

const newSeed = (): Uint8Array => randomBytes(32);
const fromSeed = (seed: Uint8Array): Identity => Identity.fromSeed(seed, nodeProvider);

/**
 * The relay's own identity in a file (0600). Unlike a client's, several processes may use it at once: a relay and its
 * replacement, or many nodes behind one name. The file is locked only while it is read or written.
 */
export class IdentityFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The file of the next identity, until `rotate` makes it the present one. */
  get nextPath(): string {
    return `${this.#path}.next`;
  }
  get previousPath(): string {
    return `${this.#path}.previous`;
  }

  /** The identity, created on first use. @throws SwsError `identity-damaged` */
  async loadOrCreate(): Promise<Identity> {
    return fromSeed(await using(this.#path, (store) => store.loadOrCreate(newSeed)));
  }

  /** The identity, or `null` if there is none yet. */
  async load(): Promise<Identity | null> {
    const seed = await using(this.#path, (store) => store.load());
    return seed === null ? null : fromSeed(seed);
  }

  /** Creates the identity for `rotate`, so that clients can be told its key before. A second call returns the same. */
  async prepare(): Promise<Identity> {
    return fromSeed(await using(this.nextPath, (store) => store.loadOrCreate(newSeed)));
  }

  /** Replaces the identity by the prepared one, or by a new one. The old one is kept in a file beside it. */
  async rotate(): Promise<{ readonly old: Identity | null; readonly present: Identity }> {
    const old = await this.load();
    const present = await this.prepare();
    if (old !== null) await rename(this.#path, this.previousPath);
    await rename(this.nextPath, this.#path);
    return { old, present };
  }
}

async function using<T>(path: string, work: (store: KeyStore) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const store = fileStore(path);
    try {
      return await work(store);
    } catch (error) {
      const busy = error instanceof SwsError && error.code === 'identity-in-use';
      if (!busy || tries >= LOCK_TRIES) throw error;
    } finally {
      await store.close();
    }
    await wait(LOCK_WAIT_MS);
  }
}
