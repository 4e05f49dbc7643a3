import { randomBytes } from '@sws/client';
import { provider } from './provider.js';

const NONCE_BYTES = 24;
const INDEX_BYTES = 8;
const TAG_BYTES = 16;

/** What a file or a backup is cut into before it is sealed, in bytes; the last piece may be shorter. */
export const PIECE_BYTES = 65_536;
/** What a stream reads at a time: a few milliseconds of work. */
const STREAMED_BYTES = 4 * PIECE_BYTES;
/** Bytes of a whole piece on the disk. */
export const SEALED_PIECE_BYTES = PIECE_BYTES + NONCE_BYTES + TAG_BYTES;

/** Seals bytes under a key (secretbox), behind their nonce. */
export function sealBytes(
  key: Uint8Array,
  plaintext: Uint8Array,
  nonce = randomBytes(NONCE_BYTES),
): Uint8Array<ArrayBuffer> {
  const sealed = new Uint8Array(NONCE_BYTES + plaintext.length + TAG_BYTES);
  sealed.set(nonce);
  provider.secretboxSeal(key, nonce, plaintext, sealed.subarray(NONCE_BYTES));
  return sealed;
}

/** Opens what `sealBytes` sealed; `null` where it was altered, or is under another key. */
export function openBytes(key: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null;
  return provider.secretboxOpen(key, sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES));
}

/** A piece's nonce: random, and with its place, so that pieces can't be exchanged. A piece that is sealed anew gets a new one. */
function pieceNonce(index: number): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  new DataView(nonce.buffer).setBigUint64(NONCE_BYTES - INDEX_BYTES, BigInt(index));
  return nonce;
}

/** Seals the piece of an index, from 0. */
export function sealPiece(key: Uint8Array, index: number, plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
  return sealBytes(key, plaintext, pieceNonce(index));
}

/** Opens the piece of an index; `null` where it was altered, or is another one. */
export function openPiece(key: Uint8Array, index: number, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null;
  const at = new DataView(sealed.buffer, sealed.byteOffset).getBigUint64(NONCE_BYTES - INDEX_BYTES);
  return at === BigInt(index) ? openBytes(key, sealed) : null;
}

/** How many bytes lie in so many sealed ones. */
export function plainBytes(sealedBytes: number): number {
  const pieces = Math.ceil(sealedBytes / SEALED_PIECE_BYTES);
  return sealedBytes - pieces * (SEALED_PIECE_BYTES - PIECE_BYTES);
}

/** Bytes that are read a stretch at a time. */
export interface Source {
  readonly size: number;
  /** The bytes from `from` to before `to`, or to the end. @throws Error where they can't be read */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file as it is. */
export function plainSource(file: Blob): Source {
  return {
    size: file.size,
    read: async (from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer()),
  };
}

/** A sealed file, which is opened as it is read. */
export function sealedSource(file: Blob, key: Uint8Array): Source {
  const size = plainBytes(file.size);
  return {
    size,
    async read(from, to) {
      const end = Math.min(to, size);
      const bytes = new Uint8Array(Math.max(0, end - from));
      if (bytes.length === 0) return bytes;
      const first = Math.floor(from / PIECE_BYTES);
      const stretch = file.slice(first * SEALED_PIECE_BYTES, Math.ceil(end / PIECE_BYTES) * SEALED_PIECE_BYTES);
      const sealed = new Uint8Array(await stretch.arrayBuffer());
      for (let index = first, at = from; at < end; index++) {
        const place = (index - first) * SEALED_PIECE_BYTES;
        const piece = openPiece(key, index, sealed.subarray(place, place + SEALED_PIECE_BYTES));
        if (piece === null) throw new Error('the file on this device is damaged');
        const part = piece.subarray(at - index * PIECE_BYTES, end - index * PIECE_BYTES);
        bytes.set(part, at - from);
        at += part.length;
      }
      return bytes;
    },
  };
}

/** All bytes of a source, as they are asked for. */
export function streamOf(source: Source): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        if (at >= source.size) return controller.close();
        const bytes = await source.read(at, at + STREAMED_BYTES);
        at += bytes.length;
        controller.enqueue(bytes);
      },
    },
    { highWaterMark: 1 },
  );
}
