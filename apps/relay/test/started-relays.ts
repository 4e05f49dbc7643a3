import { afterEach } from 'vitest';
import { type Relay, type RelayOptions, startRelay } from '../src/index.js';

/** Relays in this process, on free ports; those that are in `relays` after a test are closed. */
export function useRelays() {
  const relays: Relay[] = [];
  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.close();
  });
  const start = async (options: RelayOptions = {}): Promise<Relay> => {
    const relay = await startRelay({ port: 0, ...options });
    relays.push(relay);
    return relay;
  };
  return { relays, start };
}
