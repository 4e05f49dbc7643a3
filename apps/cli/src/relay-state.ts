import { printable, type Reporter } from './report.js';
import type { Station } from './station/station.js';

/** What a command does at its first registration, and where the relay refuses it for good. */
export interface RelayFollower {
  readonly onFirst: () => void;
  readonly onRefused: (error: Error) => void;
}

/** Tells of a relay that can't be reached, and of a connection to it that breaks and comes back. */
export function followRelay(station: Station, tell: Reporter, { onFirst, onRefused }: RelayFollower): void {
  let isFirst = true;
  let told = '';
  station.follow(
    ({ state, failure }) => {
      const { code, detail = '' } = failure ?? {};
      if (state === 'registered') {
        told = '';
        if (isFirst) onFirst();
        else tell({ event: 'reconnected' }, 'reconnected');
        isFirst = false;
      }
      // Each further attempt that fails for the same reason is no news.
      if (state === 'reconnecting' && detail !== told) {
        told = detail;
        const event = isFirst ? 'unreachable' : 'reconnecting';
        const words = isFirst
          ? `the relay ${station.url} can't be reached: ${detail}; trying again`
          : `reconnecting (${detail})`;
        tell({ event, code, detail }, printable(words));
      }
      if (state === 'down') onRefused(new Error(detail));
    },
    ({ peer, protocol }) =>
      tell(
        { event: 'newer', peer, protocol },
        `${peer} uses a newer sws (${printable(protocol)}), which this one does not understand: update it`,
      ),
  );
}
