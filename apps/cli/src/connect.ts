import { Endpoint } from '@sws/client';
import type { SwsError } from '@sws/crypto';
import { TUNNEL_PROTOCOL } from './byte-pipe.js';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, waitForIdentity } from './identity.js';
import { reach } from './reach.js';
import type { Reporter } from './report.js';
import { pipeStandard } from './standard-pipe.js';

export interface ConnectFlags extends IdentityFlags {
  readonly relay: string;
  /** Seconds to wait for an absent peer. */
  readonly wait: number;
  /** The other end is any program: no subprotocol. */
  readonly plain?: boolean;
}

/** Joins standard input and output to a peer; resolves with the exit code. */
export async function connect(to: string, flags: ConnectFlags, tell: Reporter): Promise<number> {
  const { relay, peer, resource } = parseDestination(to, flags.relay);
  const endpoint = new Endpoint(relay, { identity: await waitForIdentity(flags, tell) });
  const protocols = flags.plain === true ? [] : [TUNNEL_PROTOCOL];
  try {
    const socket = await reach(endpoint, peer, { resource, protocols, waitMs: flags.wait * 1_000 });
    return await pipeStandard(socket, process.stdin, flags.plain !== true, tell);
  } catch (error) {
    const { code, message } = error as SwsError;
    tell({ event: 'failed', peer, code, detail: message }, `sws: could not connect (${code}: ${message})`);
    return EXIT.failed;
  } finally {
    await endpoint.close();
  }
}
