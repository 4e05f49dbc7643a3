import type { WriterAnswer, WriterRequest } from './writer-messages.js';

const WORDS = {
  full: 'the disk, or this page’s share of it, is full',
  unavailable: 'this browser window keeps no files (private windows may not)',
} as const;

const ROOT = 'sws.chat';

/** One file that grows at its end, on disk when `append` resolves. */
export class FileWriter {
  readonly #worker = new Worker(new URL('./workers/file-writer.ts', import.meta.url), { type: 'module' });
  #size = 0;

  /** Bytes on disk. */
  get size(): number {
    return this.#size;
  }

  async open(path: readonly string[]): Promise<void> {
    await this.#ask({ type: 'open', path });
  }

  /** Appends; `bytes` are taken and may not be used again. */
  async append(bytes: ArrayBuffer): Promise<void> {
    await this.#ask({ type: 'write', bytes }, [bytes]);
  }

  async close(): Promise<void> {
    await this.#ask({ type: 'close' }).finally(() => this.#worker.terminate());
  }

  async #ask(request: WriterRequest, transfer: Transferable[] = []): Promise<void> {
    const answer = await new Promise<WriterAnswer>((resolve) => {
      this.#worker.addEventListener('message', ({ data }: MessageEvent<WriterAnswer>) => resolve(data), { once: true });
      this.#worker.addEventListener('error', () => resolve({ ok: false, reason: 'unavailable' }), { once: true });
      this.#worker.postMessage(request, transfer);
    });
    if (!answer.ok) throw new Error(WORDS[answer.reason]);
    this.#size = answer.size;
  }
}

/** Files that came in, in the origin's private file system: on disk from the first byte, never whole in memory. */
export class FileStore {
  readonly #folder: string;

  constructor(address: string) {
    this.#folder = address.slice(0, 16);
  }

  /** A writer behind what is on disk already. Only one at a time may have a file. @throws Error in words */
  async writer(contact: string, id: string): Promise<FileWriter> {
    const writer = new FileWriter();
    await writer.open([ROOT, this.#folder, contact, id]);
    return writer;
  }

  /** What is on disk of a file; `null` if nothing is. */
  async read(contact: string, id: string): Promise<File | null> {
    try {
      const folder = await this.#open([ROOT, this.#folder, contact]);
      return await (await folder.getFileHandle(id)).getFile();
    } catch {
      return null;
    }
  }

  async remove(contact: string, id?: string): Promise<void> {
    try {
      const folder = await this.#open([ROOT, this.#folder, ...(id === undefined ? [] : [contact])]);
      await folder.removeEntry(id ?? contact, { recursive: true });
    } catch {
      // There was none.
    }
  }

  /** Removes every file of this identity. */
  async erase(): Promise<void> {
    try {
      await (await this.#open([ROOT])).removeEntry(this.#folder, { recursive: true });
    } catch {
      // There was none.
    }
  }

  async #open(path: readonly string[]): Promise<FileSystemDirectoryHandle> {
    let folder = await navigator.storage.getDirectory();
    for (const name of path) folder = await folder.getDirectoryHandle(name);
    return folder;
  }
}
