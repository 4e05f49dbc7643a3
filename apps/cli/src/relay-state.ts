import { printable, type Reporter } from './report.js';
import type { Station } from './station/station.js';

/** Callbacks for the first registration, and for a final refusal by the relay. */
export interface RelayFollower {
  readonly onFirst: () => void;
  readonly onRefused: (error: Error) => void;
}

/** Reports an unreachable relay, and a connection that breaks and is made again. */
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
      // Report attempts that fail for the same reason only once.
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
