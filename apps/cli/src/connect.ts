import type { SwsError } from '@sws/crypto';
import { TUNNEL_PROTOCOL } from './byte-pipe.js';
import { readContacts } from './contacts.js';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import type { IdentityFlags } from './identity.js';
import { reach } from './reach.js';
import type { Reporter } from './report.js';
import { onHangUp, onSignal } from './signals.js';
import { pipeStandard } from './standard-pipe.js';
import { type Line, STOPPED } from './station/line.js';
import { openStation } from './station/open-station.js';

export interface ConnectFlags extends IdentityFlags {
  readonly relay: string;
  /** Seconds to wait for an absent peer. */
  readonly wait: number;
  /** Whether the peer is any program, without the subprotocol. */
  readonly plain?: boolean;
}

/** Joins standard input and output to a peer; resolves with the exit code. */
export async function connect(to: string, flags: ConnectFlags, tell: Reporter): Promise<number> {
  const { relay, peer, resource } = parseDestination(to, flags.relay, await readContacts());
  const station = await openStation({ ...flags, relay }, tell);
  const protocols = flags.plain === true ? [] : [TUNNEL_PROTOCOL];
  const stopped = new AbortController();
  let line: Line | null = null;
  const stop = (): void => {
    stopped.abort();
    line?.close(STOPPED, 'stopped');
    line?.drain();
  };
  const release = onSignal(stop);
  const hungUp = onHangUp(stop);
  // After SIGHUP, nobody reads the reports any more.
  const tellReader: Reporter = (report, words) => {
    if (!hungUp.came) tell(report, words);
  };
  try {
    const to = { resource, protocols, waitMs: flags.wait * 1_000, evenIfRefused: true, signal: stopped.signal };
    line = await reach(station, peer, to);
    return await pipeStandard(line, process.stdin, flags.plain !== true, tellReader, stopped.signal);
  } catch (error) {
    const { code, message } = error as SwsError;
    if (stopped.signal.aborted) tellReader({ event: 'stopped', peer }, 'sws: stopped before it connected');
    else {
      const hint = code === 'handshake-failed' ? '; if the peer is not sws, use --plain' : '';
      tellReader(
        { event: 'failed', peer, code, detail: message },
        `sws: could not connect (${code}: ${message})${hint}`,
      );
    }
    return EXIT.failed;
  } finally {
    release();
    hungUp.release();
    await station.close();
  }
}
