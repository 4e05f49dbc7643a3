import type { OfferedFile } from './file-protocol.js';

/** How many are remembered; the oldest goes first. */
const MAX_REMEMBERED = 10_000;

/**
 * What this process has stored, and where, so that a sender that starts again does not send it twice. Whose it is counts:
 * nobody learns of what another has sent.
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
