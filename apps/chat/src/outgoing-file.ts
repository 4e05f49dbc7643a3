import type { SecureWebSocket } from '@sws/client';
import { CHUNK_BYTES, CLOSE_UNREADABLE, readStored, WINDOW_BYTES } from './file-protocol.js';
import type { Source } from './sealed.js';
import type { Transfer } from './transfer.js';

/**
 * Sends a file from an offset over its channel, a slice at a time: never more than a window beyond what the receiver has
 * on disk. Resolves with whether all of it is there when the channel has closed.
 */
export function sendFile(socket: SecureWebSocket, file: Source, from: number, transfer: Transfer): Promise<boolean> {
  const { size } = transfer;
  let sent = from;
  let stored = from;
  let sending = false;
  transfer.start(from);
  transfer.follow(socket);
  const fill = async (): Promise<void> => {
    if (sending) return;
    sending = true;
    while (socket.readyState === 1 && sent < size && sent - stored < WINDOW_BYTES) {
      const bytes = await file.read(sent, sent + CHUNK_BYTES);
      if (bytes.byteLength === 0) throw new Error('the file has become shorter');
      if (socket.readyState !== 1) break;
      socket.send(bytes);
      sent += bytes.byteLength;
    }
    sending = false;
  };
  return new Promise((resolve) => {
    const go = (): void => {
      fill().catch(() => socket.close(CLOSE_UNREADABLE, 'the file cannot be read'));
    };
    socket.addEventListener('message', (event) => {
      const value = readStored((event as MessageEvent).data);
      // What was not sent cannot be stored: a peer that says so gets no more than its window.
      if (value === null || value < stored || value > sent) return;
      stored = value;
      transfer.advance(stored);
      go();
    });
    socket.addEventListener('close', () => resolve(stored === size));
    go();
  });
}
