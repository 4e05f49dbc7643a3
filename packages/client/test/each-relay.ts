import type { Identity } from '@sws/crypto';
import { afterEach, beforeEach } from 'vitest';
import { Endpoint, type EndpointOptions } from '../src/index.js';
import { newIdentity, startRelay, type TestRelay } from './relay.js';

export let alice: Identity;
export let bob: Identity;
export let relay: TestRelay;
/** They are closed after the test. */
export const endpoints: Endpoint[] = [];

/** Every test of this file has a relay and identities of its own. */
export function useRelay(): void {
  beforeEach(async () => {
    alice = newIdentity();
    bob = newIdentity();
    relay = await startRelay();
  });
  afterEach(async () => {
    for (const endpoint of endpoints.splice(0)) await endpoint.close();
    await relay.kill();
  });
}

/** Kills the relay, and starts one on the same port. */
export async function restartRelay(): Promise<void> {
  const { port } = relay;
  await relay.kill();
  relay = await startRelay(port);
}

/** An endpoint at the test's relay. */
export function endpoint(identity: Identity, options: Omit<EndpointOptions, 'identity'> = {}): Endpoint {
  const made = new Endpoint(relay.url, { identity, ...options });
  endpoints.push(made);
  return made;
}
