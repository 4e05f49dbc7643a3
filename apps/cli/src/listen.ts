import { type ConnectionEvent, Endpoint } from '@sws/client';
import { parseAddress } from '@sws/crypto';
import { TUNNEL_PROTOCOL } from './byte-pipe.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, waitForIdentity } from './identity.js';
import { followRelay } from './relay-state.js';
import type { Reporter } from './report.js';
import { onSignal } from './signals.js';
import { pipeStandard } from './standard-pipe.js';

export interface ListenFlags extends IdentityFlags {
  readonly relay: string;
  readonly from?: readonly string[];
  readonly keep?: boolean;
}

/** Serves one connection, or with `keep` one after another until a signal; resolves with the exit code. */
export async function listen(flags: ListenFlags, tell: Reporter): Promise<number> {
  for (const key of flags.from ?? []) parseAddress(key);
  const identity = await waitForIdentity(flags, tell);
  const keep = flags.keep === true;
  let busy = false;
  const endpoint = new Endpoint(flags.relay, {
    identity,
    accept: ({ peer, protocols }) => {
      if (busy || (flags.from !== undefined && !flags.from.includes(peer))) return false;
      if (protocols.includes(TUNNEL_PROTOCOL)) return { protocol: TUNNEL_PROTOCOL };
      return protocols.length === 0; // a program without the subprotocol: text and bytes are written out
    },
  });
  const code = await new Promise<number>((resolve, reject) => {
    endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
      // Two offers can be accepted before the first of them opens.
      if (busy) return socket.close(3001, 'busy with another peer');
      busy = true;
      tell({ event: 'connection', peer: socket.peer }, `connection from ${socket.peer}`);
      // Standard input ends once and can't be given to several peers: with --keep it is not sent.
      const framed = socket.protocol === TUNNEL_PROTOCOL;
      const served = pipeStandard(socket, keep ? null : process.stdin, framed, tell);
      if (!keep) resolve(served);
      else
        served.then((ended) => {
          busy = false;
          if (ended === EXIT.failed) resolve(ended);
        }, reject);
    });
    followRelay(endpoint, tell, {
      onFirst: () => {
        const url = `${endpoint.url}${identity.publicKey}`;
        tell(
          { event: 'listening', address: identity.publicKey, url },
          `listening as ${identity.publicKey}\nconnect with: sws connect ${url}`,
        );
      },
      onRefused: reject,
    });
    if (keep) onSignal(() => resolve(EXIT.delivered));
  });
  await endpoint.close();
  return code;
}
