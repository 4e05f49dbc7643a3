import type { OfferedFile } from './file-protocol.js';

/** The most remembered files. After that, the oldest is forgotten. */
const MAX_REMEMBERED = 10_000;

/**
 * The files that this process has stored, so that a sender that starts again does not send them twice. Each sender
 * finds only its own, and cannot learn of another's.
 */
export class StoredFiles {
  readonly #paths = new Map<string, string>();

  add(peer: string, file: OfferedFile, path: string): void {
    const [oldest] = this.#paths.keys();
    if (this.#paths.size === MAX_REMEMBERED && oldest !== undefined) this.#paths.delete(oldest);
    this.#paths.set(keyOf(peer, file), path);
  }

  find(peer: string, file: OfferedFile): string | undefined {
    return this.#paths.get(keyOf(peer, file));
  }
}

function keyOf(peer: string, { name, size }: OfferedFile): string {
  return JSON.stringify([peer, name, size]);
}
