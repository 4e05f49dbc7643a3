import type { Identity } from '@sws/client';
import { type Source, sealedSource } from './sealed.js';
import type { WriterAnswer, WriterRequest } from './writer-messages.js';

const WORDS = {
  full: 'the disk, or this page’s share of it, is full',
  unavailable: 'this browser window keeps no files (private windows may not)',
} as const;

const ROOT = 'sws.chat';

/** Workers that have written their files: the next ones take them. */
const idle: Worker[] = [];
/** As many as small files go at a time. */
const MAX_IDLE = 4;

function takeWorker(): Worker {
  return idle.pop() ?? new Worker(new URL('./workers/file-writer.ts', import.meta.url), { type: 'module' });
}

/** One file that grows at its end, sealed, on disk when `append` resolves. */
export class FileWriter {
  readonly #worker = takeWorker();
  #size = 0;

  /** Bytes of it on disk. */
  get size(): number {
    return this.#size;
  }

  async open(path: readonly string[], key: Uint8Array): Promise<void> {
    await this.#ask({ type: 'open', path, key });
  }

  /** Appends; `bytes` are taken and may not be used again. */
  async append(bytes: ArrayBuffer): Promise<void> {
    await this.#ask({ type: 'write', bytes }, [bytes]);
  }

  async close(): Promise<void> {
    await this.#ask({ type: 'close' });
    if (idle.length < MAX_IDLE) idle.push(this.#worker);
    else this.#worker.terminate();
  }

  async #ask(request: WriterRequest, transfer: Transferable[] = []): Promise<void> {
    const answer = await new Promise<WriterAnswer>((resolve) => {
      this.#worker.onmessage = ({ data }: MessageEvent<WriterAnswer>) => resolve(data);
      this.#worker.onerror = () => resolve({ ok: false, reason: 'unavailable' });
      this.#worker.postMessage(request, transfer);
    });
    if (answer.ok) {
      this.#size = answer.size;
      return;
    }
    // One that could not open or close its file is not used again.
    if (request.type !== 'write') this.#worker.terminate();
    throw new Error(WORDS[answer.reason]);
  }
}

/**
 * Files that have come, and copies of those to be sent, in the origin's private file system: on disk from the first byte,
 * never whole in memory, each sealed under a key of its own. `name` is a message's key.
 */
export class FileStore {
  readonly #identity: Identity;

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** A writer behind what is on disk already. Only one at a time may have a file. @throws Error in words */
  async writer(contact: string, name: string): Promise<FileWriter> {
    const writer = new FileWriter();
    await writer.open([ROOT, folderOf(this.#identity.publicKey), contact, name], this.#key(contact, name));
    return writer;
  }

  /** What is on disk of a file; `null` if nothing is. */
  async read(contact: string, name: string): Promise<Source | null> {
    try {
      const folder = await open([ROOT, folderOf(this.#identity.publicKey), contact]);
      return sealedSource(await (await folder.getFileHandle(name)).getFile(), this.#key(contact, name));
    } catch {
      return null;
    }
  }

  /** Removes a file, or all of a contact. */
  async remove(contact: string, name?: string): Promise<void> {
    const folder = folderOf(this.#identity.publicKey);
    await (name === undefined ? removeEntry([ROOT, folder], contact) : removeEntry([ROOT, folder, contact], name));
  }

  /** Removes every file of an address. */
  static async erase(address: string): Promise<void> {
    await removeEntry([ROOT], folderOf(address));
  }

  #key(contact: string, name: string): Uint8Array {
    return this.#identity.storageKey(`sws.chat file ${contact} ${name}`);
  }
}

function folderOf(address: string): string {
  return address.slice(0, 16);
}

async function open(path: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const name of path) folder = await folder.getDirectoryHandle(name);
  return folder;
}

async function removeEntry(path: readonly string[], name: string): Promise<void> {
  try {
    await (await open(path)).removeEntry(name, { recursive: true });
  } catch {
    // There was none.
  }
}
