import { once } from 'node:events';
import { createServer } from 'node:net';
import { TUNNEL_PROTOCOL } from './byte-pipe.js';
import { carryTcp, untilSignal } from './carry-tcp.js';
import { calledBy, readContacts } from './contacts.js';
import { parseDestination } from './destination.js';
import type { IdentityFlags } from './identity.js';
import { reach } from './reach.js';
import type { Reporter } from './report.js';
import { openStation } from './station/open-station.js';

export interface OpenFlags extends IdentityFlags {
  readonly relay: string;
  /** The local port; 0 picks a free one. */
  readonly port: number;
  /** The local interface. If it is not the loopback, others on the network can reach the port. */
  readonly host: string;
  /** How long a connection waits for an absent peer or relay, in seconds. */
  readonly wait: number;
}

/** Brings a served port to this machine until a signal; resolves with the exit code. */
export async function open(to: string, flags: OpenFlags, tell: Reporter): Promise<number> {
  const contacts = await readContacts();
  const { relay, peer, resource } = parseDestination(to, flags.relay, contacts);
  const called = calledBy(contacts, peer);
  const station = await openStation({ ...flags, relay }, tell);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (tcp) => {
    const gone = new AbortController();
    tcp.once('close', () => gone.abort());
    const options = { resource, protocols: [TUNNEL_PROTOCOL], waitMs: flags.wait * 1_000, signal: gone.signal };
    void carryTcp(() => reach(station, peer, options), { address: peer, called }, tcp, tell);
  });
  try {
    server.listen(flags.port, flags.host);
    await once(server, 'listening');
    const local = server.address();
    const port = typeof local === 'object' && local !== null ? local.port : flags.port;
    return await untilSignal(
      station,
      tell,
      async () => {},
      () => {
        const service = resource === '/' ? '' : `, ${resource.slice(1)}`;
        tell(
          { event: 'open', peer, resource, host: flags.host, port },
          `${flags.host}:${port} leads to ${called}${service}`,
        );
      },
    );
  } finally {
    server.close();
    await station.close();
  }
}
