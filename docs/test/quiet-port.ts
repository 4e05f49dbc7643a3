import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections, one of which could take it meanwhile (Linux: from 32,768). */
const FIRST = 15_000;
const COUNT = 17_000;
const ATTEMPTS = 100;

/** A port at which nobody listens, and which stays so until it is used some seconds later. */
export async function quietPort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
