import { Identity } from '@sws/crypto';
import { defaultProvider, nodeProvider } from '@sws/crypto/node';
import { localKey } from '../agent/greeting.js';
import { agentPlace } from '../agent/place.js';
import type { AgentAccess } from '../agent/reach-agent.js';
import { type IdentityFlags, identityPath, readIdentity, readSeed, whenFree } from '../identity.js';
import type { Reporter } from '../report.js';
import { AgentStation } from './agent-station.js';
import type { Station } from './station.js';

/** Resolves with the access to the agent of the flags' identity. The identity is created on first use. */
export async function agentAccess(flags: IdentityFlags): Promise<AgentAccess & { readonly address: string }> {
  const seed = await readSeed(flags);
  const { publicKey } = Identity.fromSeed(seed, nodeProvider);
  const access = { place: await agentPlace(publicKey), key: localKey(seed), identity: identityPath(flags) };
  return { ...access, address: publicKey };
}

/**
 * Opens the station of a command. A stored identity uses its agent, which several commands share. An identity for this
 * run only is used in this process. @throws SwsError, Error
 */
export async function openStation(flags: IdentityFlags & { readonly relay: string }, tell: Reporter): Promise<Station> {
  if (flags.ephemeral === true) {
    // Loaded only here, because a command with an agent needs no client, and starts faster without it.
    const { DirectStation } = await import('./direct-station.js');
    return new DirectStation(flags.relay, await readIdentity(flags), await defaultProvider());
  }
  return whenFree(async () => {
    const access = await agentAccess(flags);
    return AgentStation.open(flags.relay, access.address, access);
  }, tell);
}
