import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST = 15_000;
const LAST = 32_000;
const ATTEMPTS = 50;

/**
 * Resolves with a port on loopback that is free, with the next `behind` ports. It stays free for a process that is
 * killed and started again on it, and no other call gets it while this process lives, in whatever process.
 */
export async function freePort(behind = 0): Promise<number> {
  const last = Math.min(LAST, firstOutgoing()) - behind;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (last - FIRST));
    let free = 0;
    while (free <= behind && (await isFree(port + free)) && (await reserve(port + free))) free++;
    if (free > behind) return port;
  }
  throw new Error(`no free port in ${ATTEMPTS} attempts`);
}

/**
 * Returns the first port of outgoing connections (RFC 6056 §2.1; Linux starts at 32,768 if nobody changed it). A
 * connection could take a port from there on while a process restarts.
 */
function firstOutgoing(): number {
  try {
    const first = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return first > FIRST + 1_000 ? first : LAST; // a system that uses nearly all leaves no better choice
  } catch {
    return LAST; // no Linux: macOS and Windows start at 49,152
  }
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

/**
 * Binds the UDP port of the same number until this process ends, so that two calls never choose the same port. Returns
 * false if another holds it.
 */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.unref();
    return true;
  } catch {
    socket.close();
    return false;
  }
}
