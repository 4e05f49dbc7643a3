import { parseAddress } from '@sws/crypto';
import { InvalidArgumentError } from 'commander';

/** Where a peer is reached: its relay, its address, and the path for the peer alone. */
export interface Destination {
  readonly relay: string;
  readonly peer: string;
  readonly resource: string;
}

/**
 * A peer as people write it: `wss://relay/<address>`, or its address alone, which is at `relay`.
 * @throws InvalidArgumentError for what is neither
 */
export function parseDestination(text: string, relay: string): Destination {
  const url = /^[0-9a-f]{64}$/.test(text) ? `${relay.endsWith('/') ? relay : `${relay}/`}${text}` : text;
  const [, base, peer, rest = ''] = /^((?:wss?|https?):\/\/.*?\/)([0-9a-f]{64})([/?].*)?$/.exec(url) ?? [];
  if (base === undefined || peer === undefined)
    throw new InvalidArgumentError(`${text} is neither wss://relay/<address> nor an address (64 hex digits)`);
  parseAddress(peer);
  return { relay: base, peer, resource: rest.startsWith('/') ? rest : `/${rest}` };
}
