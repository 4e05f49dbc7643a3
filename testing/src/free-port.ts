import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports of outgoing connections (RFC 6056 §2.1; Linux starts at 32,768), so that none takes the port while a
 * process restarts.
 */
const FIRST = 15_000;
const LAST = 32_000;
const ATTEMPTS = 50;

/**
 * Resolves with a port on loopback that is free, with the next `behind` ports. It stays free for a process that is
 * killed and started again on it.
 */
export async function freePort(behind = 0): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST - behind));
    let free = 0;
    while (free <= behind && (await isFree(port + free))) free++;
    if (free > behind) return port;
  }
  throw new Error(`no free port in ${ATTEMPTS} attempts`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
