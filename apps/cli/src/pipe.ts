import type { SecureErrorEvent, SecureWebSocket } from '@sws/client';
import { EXIT } from './exit-code.js';

/** Input is read no faster than the peer takes it. */
const HIGH_WATER_BYTES = 1_048_576;
/** Close code of an end whose own input or output failed (4000–4999 are the application's, RFC 6455 §7.4.2). */
const LOCAL_FAILURE = 4000;

/**
 * Joins a socket to `input` and standard output, binary-safe: what is read is sent as read, what comes in is written out.
 * At the end of input all is delivered, then the socket closes; with `null` for input, only the peer closes it.
 * Resolves with the exit code. Call it in the event that gave the socket: a message may follow in the same turn.
 */
export async function pipe(socket: SecureWebSocket, input: NodeJS.ReadStream | null): Promise<number> {
  socket.binaryType = 'arraybuffer';
  let why = '';
  let unsent = false;
  let outputFailed = false;
  socket.addEventListener('error', (event) => {
    why = `${(event as SecureErrorEvent).code}: ${(event as SecureErrorEvent).message}`;
  });
  socket.addEventListener('message', (event) => {
    const { data } = event as MessageEvent<string | ArrayBuffer>;
    process.stdout.write(typeof data === 'string' ? data : new Uint8Array(data));
  });
  const onOutputError = (error: Error): void => {
    if (!outputFailed) console.error(`sws: cannot write the output: ${error.message}`);
    outputFailed = true;
    socket.close(LOCAL_FAILURE, 'output failed');
  };
  process.stdout.on('error', onOutputError);
  const closed = new Promise<CloseEvent>((resolve) =>
    socket.addEventListener('close', (event) => resolve(event as CloseEvent), { once: true }),
  );
  const gone = closed.then(() => 'gone' as const);
  const send = async (source: NodeJS.ReadStream): Promise<void> => {
    for await (const chunk of source) {
      if (socket.readyState !== 1) {
        // Read, and nobody is there to take it.
        unsent = true;
        return;
      }
      socket.send(chunk as Uint8Array<ArrayBuffer>);
      while (socket.bufferedAmount > HIGH_WATER_BYTES) {
        const drained = new Promise<void>((resolve) =>
          socket.addEventListener('drain', () => resolve(), { once: true }),
        );
        if ((await Promise.race([drained, gone])) === 'gone') return;
      }
    }
    await socket.delivered();
    socket.close(1000);
  };
  if (input !== null) {
    send(input).catch((error: Error) => {
      // A closed socket ends the reading too, and is told of below.
      if (socket.readyState !== 1) return;
      unsent = true;
      console.error(`sws: cannot read the input: ${error.message}`);
      socket.close(LOCAL_FAILURE, 'input failed');
    });
  }
  const { wasClean, code, reason } = await closed;
  input?.destroy();
  process.stdout.off('error', onOutputError);
  if (outputFailed) return EXIT.failed;
  const normal = wasClean && (code === 1000 || code === 1005);
  if (!wasClean) console.error(`sws: the connection broke (${why})`);
  else if (!normal && code !== LOCAL_FAILURE) console.error(`sws: the peer closed with ${code} ${reason}`.trimEnd());
  // `bufferedAmount` counts what the peer has not acknowledged, also once the socket is closed.
  return normal && !unsent && socket.bufferedAmount === 0 ? EXIT.delivered : EXIT.notDelivered;
}
