import type { SecureErrorEvent, SecureWebSocket } from '@sws/client';
import { EXIT } from './exit-code.js';

/** Standard input is read no faster than the peer takes it. */
const HIGH_WATER_BYTES = 1_048_576;

/**
 * Joins a socket to standard input and output, binary-safe: what is read is sent as read, what comes in is written out.
 * At the end of input all is delivered, then the socket closes. Resolves with the exit code.
 */
export async function pipe(socket: SecureWebSocket): Promise<number> {
  socket.binaryType = 'arraybuffer';
  let why = '';
  let delivered = false;
  let inputBroken = false;
  socket.addEventListener('error', (event) => {
    why = `${(event as SecureErrorEvent).code}: ${(event as SecureErrorEvent).message}`;
  });
  socket.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<string | ArrayBuffer>;
    process.stdout.write(typeof data === 'string' ? data : new Uint8Array(data));
  });
  const closed = new Promise<CloseEvent>((resolve) =>
    socket.addEventListener('close', (event) => resolve(event as CloseEvent), { once: true }),
  );
  const gone = closed.then(() => 'gone' as const);
  const send = async (): Promise<void> => {
    for await (const chunk of process.stdin) {
      if (socket.readyState !== 1) return;
      socket.send(chunk as Uint8Array<ArrayBuffer>);
      while (socket.bufferedAmount > HIGH_WATER_BYTES) {
        const drained = new Promise<void>((resolve) =>
          socket.addEventListener('drain', () => resolve(), { once: true }),
        );
        if ((await Promise.race([drained, gone])) === 'gone') return;
      }
    }
    await socket.delivered();
    delivered = true;
    socket.close(1000);
  };
  const sending = send().catch(() => {
    inputBroken = true;
  });
  const { wasClean } = await closed;
  process.stdin.destroy();
  if (!wasClean) console.error(`sws: the connection broke (${why})`);
  await Promise.race([sending, Promise.resolve()]);
  const nothingPending = delivered || (socket.bufferedAmount === 0 && !inputBroken);
  return wasClean && nothingPending ? EXIT.delivered : EXIT.notDelivered;
}
