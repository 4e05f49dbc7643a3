import { type ConnectionEvent, Endpoint, type StateEvent } from '@sws/client';
import { parseAddress } from '@sws/crypto';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, loadIdentity } from './identity.js';
import { pipe } from './pipe.js';

export interface ListenFlags extends IdentityFlags {
  readonly relay: string;
  readonly from?: readonly string[];
  readonly keep?: boolean;
}

/** Serves one connection, or with `keep` one after another until a signal; resolves with the exit code. */
export async function listen(flags: ListenFlags): Promise<number> {
  for (const key of flags.from ?? []) parseAddress(key);
  const identity = await loadIdentity(flags);
  const keep = flags.keep === true;
  let busy = false;
  const endpoint = new Endpoint(flags.relay, {
    identity,
    accept: ({ peer }) => !busy && (flags.from === undefined || flags.from.includes(peer)),
  });
  const code = await new Promise<number>((resolve, reject) => {
    endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
      // Two offers can be accepted before the first of them opens.
      if (busy) return socket.close(3001, 'busy with another peer');
      busy = true;
      // Standard input ends once and can't be given to several peers: with --keep it is not sent.
      const served = pipe(socket, keep ? null : process.stdin);
      if (!keep) resolve(served);
      else
        served.then((ended) => {
          busy = false;
          if (ended === EXIT.failed) resolve(ended);
        }, reject);
    });
    endpoint.addEventListener('state', ({ state, failure }: StateEvent) => {
      if (state === 'registered')
        console.error(
          `listening as ${identity.publicKey}\nconnect with: sws connect ${endpoint.url}${identity.publicKey}`,
        );
      if (state === 'reconnecting') console.error(`reconnecting (${failure?.code})`);
      if (state === 'down') reject(new Error(`the relay refused: ${failure?.detail}`));
    });
    if (keep) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(EXIT.delivered));
  });
  await endpoint.close();
  return code;
}
