import { Admission, type AdmissionFlags } from './admission.js';
import { TUNNEL_PROTOCOL } from './byte-pipe.js';
import { calledBy, readContacts } from './contacts.js';
import { EXIT } from './exit-code.js';
import type { IdentityFlags } from './identity.js';
import { followRelay } from './relay-state.js';
import type { Reporter } from './report.js';
import { onSignal } from './signals.js';
import { pipeStandard } from './standard-pipe.js';
import { BUSY, type Line, STOPPED } from './station/line.js';
import { openStation } from './station/open-station.js';

export interface ListenFlags extends IdentityFlags, AdmissionFlags {
  readonly relay: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** Serves one connection, or with `keep` one after another until a signal; resolves with the exit code. */
export async function listen(flags: ListenFlags, tell: Reporter): Promise<number> {
  const { keep = false } = flags;
  const contacts = await readContacts();
  const admission = new Admission(flags, 'listen', contacts, flags.json === true);
  const station = await openStation(flags, tell);
  const stopped = new AbortController();
  try {
    return await new Promise<number>((resolve, reject) => {
      let busy = false;
      let serving: Line | null = null;
      // Accept programs without the subprotocol too, and write out their text and bytes.
      const filter = { protocols: [TUNNEL_PROTOCOL, ''], resources: null, only: admission.only, exclusive: false };
      const setBusy = (isBusy: boolean): void => {
        busy = isBusy;
        void listening.then((listener) => listener.admit(isBusy ? [] : admission.only));
      };
      const serve = async (line: Line): Promise<void> => {
        if (!busy && !(await admission.admits(line, station.address))) return;
        if (busy) {
          line.close(BUSY, 'busy with another peer');
          return line.drain();
        }
        setBusy(true);
        serving = line;
        tell({ event: 'connection', peer: line.peer }, `connection from ${calledBy(contacts, line.peer)}`);
        // Standard input cannot be sent to several peers. With --keep it is not sent.
        const framed = line.protocol === TUNNEL_PROTOCOL;
        const served = pipeStandard(line, keep ? null : process.stdin, framed, tell, stopped.signal);
        if (!keep) resolve(served);
        else
          served.then((ended) => {
            setBusy(false);
            serving = null;
            if (ended === EXIT.failed) resolve(ended);
          }, reject);
      };
      const listening = station.listen(filter, (line) => void serve(line).catch(reject));
      const onFirst = (): void => {
        const url = `${station.url}${station.address}`;
        tell(
          { event: 'listening', address: station.address, url },
          `listening as ${station.address}\nconnect with: sws connect ${url}`,
        );
      };
      listening.then(() => followRelay(station, tell, { onFirst, onRefused: reject })).catch(reject);
      onSignal(() => {
        stopped.abort();
        serving?.close(STOPPED, 'stopped');
        serving?.drain();
        // A connection in progress gives the exit code.
        if (serving === null || keep) resolve(EXIT.delivered);
      });
    });
  } finally {
    await station.close();
  }
}
