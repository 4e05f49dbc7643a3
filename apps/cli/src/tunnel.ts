import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { type ConnectionEvent, Endpoint, type SecureWebSocket, type StreamCloseInfo } from '@sws/client';
import { parseAddress, type SwsError } from '@sws/crypto';
import { type ByteEnds, pipeBytes, TUNNEL_PROTOCOL } from './byte-pipe.js';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, waitForIdentity } from './identity.js';
import { reach } from './reach.js';
import { followRelay } from './relay-state.js';
import type { Reporter } from './report.js';
import { onSignal } from './signals.js';

/** Close code: the port that is served refused the connection, or did not answer. */
const PORT_REFUSED = 4502;

export interface ServeFlags extends IdentityFlags {
  readonly relay: string;
  /** Where the port is: this machine, or one that it reaches. */
  readonly host: string;
  /** The keys that may connect; without it, everyone who has the address. */
  readonly allow?: readonly string[];
}

export interface OpenFlags extends IdentityFlags {
  readonly relay: string;
  /** The local port; 0 for any that is free. */
  readonly port: number;
  /** The local interface; others on the network reach the port if it is not the loopback. */
  readonly host: string;
  /** Seconds that a connection waits for an absent peer or relay. */
  readonly wait: number;
}

/** Makes a TCP port reachable by key until a signal; resolves with the exit code. */
export async function serve(port: number, flags: ServeFlags, tell: Reporter): Promise<number> {
  for (const key of flags.allow ?? []) parseAddress(key);
  const { allow } = flags;
  const identity = await waitForIdentity(flags, tell);
  const endpoint = new Endpoint(flags.relay, {
    identity,
    accept: ({ peer, protocols }) =>
      protocols.includes(TUNNEL_PROTOCOL) &&
      (allow === undefined || allow.includes(peer)) && { protocol: TUNNEL_PROTOCOL },
  });
  endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
    const { peer } = socket;
    tell({ event: 'connection', peer }, `connection from ${peer}`);
    const tcp = dial({ port, host: flags.host, allowHalfOpen: true, noDelay: true });
    let reached = false;
    tcp.once('connect', () => {
      reached = true;
    });
    const closeFor = (error: Error & { code?: string }): StreamCloseInfo | undefined =>
      reached ? undefined : { closeCode: PORT_REFUSED, reason: `the port takes no connection (${error.code})` };
    void carry(async () => socket, peer, tcp, tell, closeFor);
  });
  const target = `${flags.host}:${port}`;
  return untilSignal(endpoint, tell, () =>
    tell(
      { event: 'serving', address: identity.publicKey, url: `${endpoint.url}${identity.publicKey}`, target },
      `serving ${target} as ${identity.publicKey}\nopen with: sws open ${endpoint.url}${identity.publicKey} --port ${port}`,
    ),
  );
}

/** Brings a served port to this machine until a signal; resolves with the exit code. */
export async function open(to: string, flags: OpenFlags, tell: Reporter): Promise<number> {
  const { relay, peer } = parseDestination(to, flags.relay);
  const endpoint = new Endpoint(relay, { identity: await waitForIdentity(flags, tell) });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (tcp) => {
    const gone = new AbortController();
    tcp.once('close', () => gone.abort());
    const options = { protocols: TUNNEL_PROTOCOL, waitMs: flags.wait * 1_000, signal: gone.signal };
    void carry(() => reach(endpoint, peer, options), peer, tcp, tell);
  });
  server.listen(flags.port, flags.host);
  await once(server, 'listening');
  const local = server.address();
  const port = typeof local === 'object' && local !== null ? local.port : flags.port;
  try {
    return await untilSignal(endpoint, tell, () =>
      tell({ event: 'open', peer, host: flags.host, port }, `${flags.host}:${port} leads to ${peer}`),
    );
  } finally {
    server.close();
  }
}

/** One TCP connection over one channel. What goes wrong is told, and resets the connection: its program must not take it for an end. */
async function carry(
  open: () => Promise<SecureWebSocket>,
  peer: string,
  tcp: Socket,
  tell: Reporter,
  closeFor: ByteEnds['closeFor'] = () => undefined,
): Promise<void> {
  tcp.on('error', () => {}); // told by `pipeBytes`, which listens too
  try {
    const end = await pipeBytes(await open(), { input: tcp, output: tcp, onPeerEnd: () => tcp.end(), closeFor }, true);
    if (end.complete) return void tell({ event: 'closed', peer }, `a connection of ${peer} is complete`);
    tell(
      { event: 'broken', peer, at: end.at, code: end.code, detail: end.detail },
      `a connection broke: ${end.detail}`,
    );
  } catch (error) {
    const { code, message } = error as SwsError;
    tell({ event: 'failed', peer, code, detail: message }, `could not connect to ${peer} (${code}: ${message})`);
  }
  tcp.resetAndDestroy();
}

/** Runs until SIGINT or SIGTERM, or until the relay refuses for good. `onFirst` is called at the first registration. */
async function untilSignal(endpoint: Endpoint, tell: Reporter, onFirst: () => void): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    followRelay(endpoint, tell, { onFirst, onRefused: reject });
    onSignal(resolve);
  });
  await endpoint.close();
  return EXIT.delivered;
}
