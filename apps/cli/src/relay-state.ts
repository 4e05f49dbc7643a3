import type { Endpoint, StateEvent } from '@sws/client';
import type { Reporter } from './report.js';

/** What a command does at its first registration, and where the relay refuses it for good. */
export interface RelayFollower {
  readonly onFirst: () => void;
  readonly onRefused: (error: Error) => void;
}

/** Tells of a connection to the relay that breaks and comes back. */
export function followRelay(endpoint: Endpoint, tell: Reporter, { onFirst, onRefused }: RelayFollower): void {
  let first = true;
  const follow = ({ state, failure }: Pick<StateEvent, 'state' | 'failure'>): void => {
    if (state === 'registered') {
      if (first) onFirst();
      else tell({ event: 'reconnected' }, 'reconnected');
      first = false;
    }
    if (state === 'reconnecting')
      tell({ event: 'reconnecting', code: failure?.code }, `reconnecting (${failure?.code})`);
    if (state === 'down') onRefused(new Error(`the relay refused: ${failure?.detail}`));
  };
  endpoint.addEventListener('state', follow);
  if (endpoint.state === 'registered') follow({ state: 'registered', failure: null });
}
