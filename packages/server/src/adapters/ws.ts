import type { WebSocket } from 'ws';
import type { SocketLike } from '../socket-like.js';

/** What is used of the raw socket below a `ws` socket: writes of one event-loop turn go to the kernel together. */
interface Corkable {
  cork(): void;
  uncork(): void;
}

/**
 * A `ws` socket as a `SocketLike`. With `raw`, the TCP socket it runs on (`attach` has it), the writes of one turn of the
 * event loop cost one system call. Create it in the same turn as the upgrade: messages before that would be missed.
 */
export function wsSocket(socket: WebSocket, raw?: Corkable): SocketLike {
  let corked = false;
  const cork = (): void => {
    if (raw === undefined || corked) return;
    corked = true;
    raw.cork();
    setImmediate(() => {
      corked = false;
      raw.uncork();
    });
  };
  const adapter: SocketLike = {
    send(data, done) {
      cork();
      socket.send(data, { binary: typeof data !== 'string' }, () => done?.());
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    pause() {
      socket.pause();
      return true;
    },
    resume: () => socket.resume(),
    onmessage: null,
    onclose: null,
  };
  socket.on('message', (data: Buffer, isBinary: boolean) =>
    adapter.onmessage?.(isBinary ? data : data.toString('utf8')),
  );
  socket.on('close', () => adapter.onclose?.());
  // ws reports protocol errors here and then closes: 'close' tells the rest.
  socket.on('error', () => {});
  return adapter;
}
