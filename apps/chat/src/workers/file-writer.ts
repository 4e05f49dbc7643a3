import { openPiece, PIECE_BYTES, plainBytes, SEALED_PIECE_BYTES, sealPiece } from '../sealed.js';
import type { WriterAnswer, WriterRequest } from '../writer-messages.js';

/**
 * Writes one file of the origin's private file system, sealed, in place: only a worker may (WHATWG File System §3.4), and
 * the page stays quick.
 */
declare const self: DedicatedWorkerGlobalScope;

const MAX_TRIES = 20;
const RETRY_MS = 250;

let handle: FileSystemSyncAccessHandle | null = null;
let key = new Uint8Array();
/** Whole pieces on the disk, and what is in the one behind them. */
let pieces = 0;
let tail = new Uint8Array();

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

async function open(path: readonly string[], sealedUnder: Uint8Array): Promise<void> {
  let folder = await navigator.storage.getDirectory();
  for (const name of path.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
  const file = await folder.getFileHandle(path.at(-1) ?? '', { create: true });
  handle = await whenFree(() => file.createSyncAccessHandle());
  key = new Uint8Array(sealedUnder);
  pieces = Math.ceil(handle.getSize() / SEALED_PIECE_BYTES);
  // What was being written when the power went does not open: it is written anew.
  while (pieces > 0 && readPiece(handle, pieces - 1) === null) pieces--;
  const last = pieces === 0 ? null : readPiece(handle, pieces - 1);
  tail = new Uint8Array();
  if (last !== null && last.length < PIECE_BYTES) {
    pieces--;
    tail = new Uint8Array(last);
  }
  handle.truncate(sizeOnDisk());
}

function readPiece(file: FileSystemSyncAccessHandle, index: number): Uint8Array | null {
  const sealed = new Uint8Array(SEALED_PIECE_BYTES);
  const read = file.read(sealed, { at: index * SEALED_PIECE_BYTES });
  return openPiece(key, index, sealed.subarray(0, read));
}

function sizeOnDisk(): number {
  const rest = tail.length === 0 ? 0 : tail.length + SEALED_PIECE_BYTES - PIECE_BYTES;
  return pieces * SEALED_PIECE_BYTES + rest;
}

function write(bytes: Uint8Array): void {
  if (handle === null) throw new Error('no file is open');
  for (let at = 0; at < bytes.length; ) {
    const taken = bytes.subarray(at, at + PIECE_BYTES - tail.length);
    const piece = new Uint8Array(tail.length + taken.length);
    piece.set(tail);
    piece.set(taken, tail.length);
    const sealed = sealPiece(key, pieces, piece);
    const written = handle.write(sealed, { at: pieces * SEALED_PIECE_BYTES });
    if (written !== sealed.length) throw new DOMException('the disk is full', 'QuotaExceededError');
    at += taken.length;
    if (piece.length === PIECE_BYTES) {
      pieces++;
      tail = new Uint8Array();
    } else tail = piece;
  }
  handle.flush();
}

function close(): void {
  handle?.close();
  handle = null;
  key = new Uint8Array();
}

async function answer(request: WriterRequest): Promise<WriterAnswer> {
  try {
    if (request.type === 'open') await open(request.path, request.key);
    else if (request.type === 'write') write(new Uint8Array(request.bytes));
    else close();
    return { ok: true, size: plainBytes(sizeOnDisk()) };
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
