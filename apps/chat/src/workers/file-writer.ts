import type { WriterAnswer, WriterRequest } from '../writer-messages.js';

/** Writes one file of the origin's private file system, in place: only a worker may (WHATWG File System §3.4), and the page stays quick. */
declare const self: DedicatedWorkerGlobalScope;

const MAX_TRIES = 20;
const RETRY_MS = 250;

let handle: FileSystemSyncAccessHandle | null = null;
let size = 0;

/** The tab that was here before, or another one, may not have let go of the file yet. */
async function whenFree<T>(take: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await take();
    } catch (error) {
      const taken = error instanceof DOMException && error.name === 'NoModificationAllowedError';
      if (!taken || tries === MAX_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function open(path: readonly string[]): Promise<void> {
  let folder = await navigator.storage.getDirectory();
  for (const name of path.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
  const file = await folder.getFileHandle(path.at(-1) ?? '', { create: true });
  handle = await whenFree(() => file.createSyncAccessHandle());
  size = handle.getSize();
}

function write(bytes: ArrayBuffer): void {
  if (handle === null) throw new Error('no file is open');
  const written = handle.write(new Uint8Array(bytes), { at: size });
  if (written !== bytes.byteLength) throw new DOMException('the disk is full', 'QuotaExceededError');
  handle.flush();
  size += written;
}

async function answer(request: WriterRequest): Promise<WriterAnswer> {
  try {
    if (request.type === 'open') await open(request.path);
    else if (request.type === 'write') write(request.bytes);
    else handle?.close();
    return { ok: true, size };
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    return { ok: false, reason: name === 'QuotaExceededError' ? 'full' : 'unavailable' };
  }
}

// One after another: the page waits for each answer, and answers come in the order of its requests.
let last: Promise<void> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<WriterRequest>) => {
  last = last.then(async () => self.postMessage(await answer(data)));
};
