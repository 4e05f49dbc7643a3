import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what systems give to outgoing connections (RFC 6056 §2.1; Linux begins at 32,768): nothing takes it while a process restarts. */
const FIRST = 15_000;
const LAST = 32_000;
const ATTEMPTS = 50;

/** A port on loopback that is free, and stays so for a process that is killed and started again on it. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch {
      // Taken: another.
    }
  }
  throw new Error(`no free port in ${ATTEMPTS} attempts`);
}
