import type { Socket } from 'node:net';
import type { SwsError } from '@sws/crypto';
import { type ByteEnds, pipeBytes } from './byte-pipe.js';
import { EXIT } from './exit-code.js';
import { followRelay } from './relay-state.js';
import type { Reporter } from './report.js';
import { onSignal } from './signals.js';
import type { Line } from './station/line.js';
import type { Station } from './station/station.js';

/** The other end, and its name in reports. */
export interface Peer {
  readonly address: string;
  readonly called: string;
}

/**
 * Carries one TCP connection over one channel. Reports a failure, and resets the connection, so that its program does
 * not take the failure for a regular end.
 */
export async function carryTcp(
  open: () => Promise<Line>,
  peer: Peer,
  tcp: Socket,
  tell: Reporter,
  closeFor: ByteEnds['closeFor'] = () => undefined,
): Promise<void> {
  tcp.on('error', () => {}); // reported by `pipeBytes`, which listens too
  try {
    const end = await pipeBytes(await open(), { input: tcp, output: tcp, onPeerEnd: () => tcp.end(), closeFor }, true);
    if (end.complete)
      return void tell({ event: 'closed', peer: peer.address }, `a connection of ${peer.called} is complete`);
    const words =
      end.code === 'stopped' ? `a connection of ${peer.called} has ended` : `a connection of ${peer.called} broke`;
    const event = end.code === 'stopped' ? 'stopped' : 'broken';
    tell({ event, peer: peer.address, at: end.at, code: end.code, detail: end.detail }, `${words}: ${end.detail}`);
  } catch (error) {
    const { code, message } = error as SwsError;
    tell(
      { event: 'failed', peer: peer.address, code, detail: message },
      `could not connect to ${peer.called} (${code}: ${message})`,
    );
  }
  tcp.resetAndDestroy();
}

/**
 * Runs until SIGINT or SIGTERM, or until the relay refuses for good, and closes the station. Calls `begin` first, and
 * `onFirst` at the first registration after it. Resolves with the exit code.
 */
export async function untilSignal(
  station: Station,
  tell: Reporter,
  begin: () => Promise<unknown>,
  onFirst: () => void,
): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      onSignal(resolve);
      begin()
        .then(() => followRelay(station, tell, { onFirst, onRefused: reject }))
        .catch(reject);
    });
    return EXIT.delivered;
  } finally {
    await station.close();
  }
}
