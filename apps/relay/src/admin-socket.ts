import { once } from 'node:events';
import { lstat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { readAddress } from '@sws/crypto';
import type { Router } from '@sws/router';
import type { ServerSecureWebSocket } from '@sws/server';

/** A connected key, for the operator. */
export interface ConnectedKey {
  readonly key: string;
  readonly address: string | null;
  /** How long the key has been registered. */
  readonly seconds: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  readonly sentMessages: number;
}

/** The functions of the admin socket. */
export interface Administered {
  /** The connected keys that begin with `prefix`. */
  connections(prefix: string): Iterable<ConnectedKey> | Promise<Iterable<ConnectedKey>>;
  /** Disconnects a key. Returns false if it is not connected. */
  disconnect(key: string): boolean | Promise<boolean>;
  /** The metrics, to show or to sum. */
  metrics(): Promise<string>;
}

/** The functions of the admin socket for one router. */
export function administered(router: Router, metrics: () => Promise<string>): Administered {
  return {
    *connections(prefix) {
      for (const socket of router.sockets() as IterableIterator<ServerSecureWebSocket>)
        if (socket.publicKey.startsWith(prefix)) yield describe(socket);
    },
    disconnect(key) {
      const socket = router.socketOf(key);
      socket?.close({ code: 'forbidden', detail: 'disconnected by the operator of the relay' });
      return socket !== undefined;
    },
    metrics,
  };
}

/** The umask of a socket that only its owner can open. */
const OWNER_ONLY = 0o177;
const ADDRESS_DIGITS = 64;
/** How long to wait for an answer. A busy relay answers late, and a hanging one never. */
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Serves the operator on a local socket, which only its owner can open. `GET /connections[?prefix=…]` returns a JSON
 * line for each connected key, `POST /disconnect/<key>` closes one with 4403, and `GET /metrics` returns the metrics.
 * @throws Error if it cannot listen on the path
 */
export async function openAdminSocket(path: string, relay: Administered): Promise<Server> {
  const server = createServer((incoming, response) => {
    answer(incoming, response, relay).catch((error: unknown) => {
      response.writeHead(503).end(error instanceof Error ? error.message : 'no answer');
    });
  });
  await removeStale(path);
  const before = process.umask(OWNER_ONLY);
  try {
    server.listen(path); // binds before it returns, so the socket never has another mode
  } finally {
    process.umask(before);
  }
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new Error(`admin: ${path}: ${error instanceof Error ? error.message : 'cannot listen on it'}`);
  }
  return server;
}

/** Removes the socket of a crashed relay. A running relay keeps its socket. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null || !found.isSocket()) return;
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (!alive) await unlink(path).catch(() => {});
}

async function answer(incoming: IncomingMessage, response: ServerResponse, relay: Administered): Promise<void> {
  const [path = '', query = ''] = String(incoming.url).split('?');
  if (incoming.method === 'GET' && path === '/connections') {
    const found = await relay.connections(new URLSearchParams(query).get('prefix') ?? '');
    response.setHeader('Content-Type', 'application/x-ndjson');
    for (const one of found) response.write(`${JSON.stringify(one)}\n`);
    response.end();
    return;
  }
  if (incoming.method === 'GET' && path === '/metrics') {
    response.end(await relay.metrics());
    return;
  }
  const [, key = ''] = /^\/disconnect\/([0-9a-f]+)$/.exec(path) ?? [];
  const known = incoming.method === 'POST' && key !== '' && (await relay.disconnect(key));
  response.writeHead(known ? 204 : 404).end();
}

function describe({ publicKey, remoteAddress, sinceMs, received, sentMessages }: ServerSecureWebSocket): ConnectedKey {
  return {
    key: publicKey,
    address: remoteAddress,
    seconds: Math.round((performance.now() - sinceMs) / 1_000),
    receivedMessages: received.messages,
    receivedBytes: received.bytes,
    sentMessages,
  };
}

/** The keys connected to the relay of this admin socket. @throws Error if no relay answers */
export async function listConnections(path: string, prefix: string): Promise<ConnectedKey[]> {
  const { status, text } = await ask(path, 'GET', `/connections?prefix=${encodeURIComponent(prefix)}`);
  if (status !== 200) throw new Error(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/**
 * Disconnects a key. Returns false if it is not connected. @throws Error for an invalid key, and if no relay answers
 */
export async function disconnect(path: string, key: string): Promise<boolean> {
  if (key.length !== ADDRESS_DIGITS || readAddress(key) === null)
    throw new Error('a public key must be 64 lower-case hex digits');
  const { status, text } = await ask(path, 'POST', `/disconnect/${key}`);
  if (status === 503) throw new Error(text);
  return status === 204;
}

/** The metrics of the relay of this socket. @throws Error if no relay answers */
export async function readMetrics(path: string): Promise<string> {
  const { status, text } = await ask(path, 'GET', '/metrics');
  if (status !== 200) throw new Error(text);
  return text;
}

function ask(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: Number(response.statusCode), text }));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', ({ message }) => reject(new Error(`no relay at ${socketPath}: ${message}`)));
    asked.end();
  });
}
