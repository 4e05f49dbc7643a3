import type { Endpoint, SecureWebSocket } from '@sws/client';
import {
  CHUNK_BYTES,
  CLOSE_CANCELLED,
  CLOSE_UNREADABLE,
  CLOSE_WITHDRAWN,
  FILE_PROTOCOL,
  fileResource,
  WINDOW_BYTES,
} from './file-protocol.js';
import type { FileWriter } from './file-store.js';
import type { Transfer } from './transfer.js';

/** How a fetch ended: `failed` for good, where its sender can't read it; `lost` goes on later. */
export type FetchEnd = 'stored' | 'cancelled' | 'withdrawn' | 'failed' | 'lost';

/**
 * Fetches a file behind what its writer has on disk. The writer is closed at the end.
 * @throws Error in words where the disk does not take it
 */
export async function fetchFile(
  endpoint: Endpoint,
  peer: string,
  file: { readonly id: string; readonly size: number },
  writer: FileWriter,
  transfer: Transfer,
): Promise<FetchEnd> {
  const socket = endpoint.connect(peer, { resource: fileResource(file.id, writer.size), protocols: FILE_PROTOCOL });
  socket.binaryType = 'arraybuffer';
  let cancelled = false;
  transfer.cancel = () => {
    cancelled = true;
    socket.close(CLOSE_CANCELLED, 'cancelled');
  };
  transfer.stop = () => socket.close();
  transfer.follow(socket);
  const problem = await receive(socket, file.size, writer, transfer);
  await writer.close();
  if (cancelled) return 'cancelled';
  if (problem.error !== null) throw problem.error;
  if (writer.size === file.size) return 'stored';
  if (problem.code === CLOSE_UNREADABLE) return 'failed';
  return problem.code === CLOSE_WITHDRAWN ? 'withdrawn' : 'lost';
}

/** Writes what comes until the channel has closed. */
function receive(
  socket: SecureWebSocket,
  size: number,
  writer: FileWriter,
  transfer: Transfer,
): Promise<{ readonly code: number; readonly error: Error | null }> {
  let taken = writer.size;
  let error: Error | null = null;
  let last: Promise<void> = Promise.resolve();
  const tell = (): void => {
    if (socket.readyState !== 1) return;
    socket.send(String(writer.size));
    if (writer.size === size) socket.close(1_000);
  };
  socket.addEventListener('open', () => {
    transfer.start(writer.size);
    // It may be whole, and only the word of it lost.
    if (writer.size === size) tell();
  });
  socket.addEventListener('message', (event) => {
    const { data } = event as MessageEvent;
    const bytes = data instanceof ArrayBuffer ? data.byteLength : Number.POSITIVE_INFINITY;
    // Text, more than was offered, or faster than the disk takes it: not this protocol.
    if (taken + bytes > size || taken + bytes - writer.size > WINDOW_BYTES + CHUNK_BYTES)
      return socket.close(4_400, 'not the file');
    taken += bytes;
    last = last
      .then(async () => {
        if (error !== null) return;
        await writer.append(data);
        transfer.advance(writer.size);
        tell();
      })
      .catch((reason: unknown) => {
        error = reason instanceof Error ? reason : new Error('the disk did not take it');
        socket.close(4_507, 'no room');
      });
  });
  return new Promise((resolve) => {
    socket.addEventListener('close', (event) => {
      const { code } = event as CloseEvent;
      void last.then(() => resolve({ code, error }));
    });
  });
}
