import { readAddress, SwsError } from '@sws/crypto';
import { closest, distance } from 'fastest-levenshtein';
import type { Contacts } from './contacts.js';

/** How to reach a peer: its relay, its address, and the path, which only the peer sees. */
export interface Destination {
  readonly relay: string;
  readonly peer: string;
  readonly resource: string;
}

/** Names that differ in more letters than this are not similar. */
const MAX_DISTANCE = 2;

/**
 * Parses a peer as people write it: `alice`, `alice/postgres`, `wss://relay/<address>`, or an address, which is at
 * `relay`.
 * @throws SwsError `invalid-address` that says what is wrong
 */
export function parseDestination(text: string, relay: string, contacts: Contacts): Destination {
  const [, base, rest = ''] = /^((?:wss?|https?):\/\/.*?\/)([0-9a-fA-F]{32,}.*)$/.exec(text) ?? [];
  if (base !== undefined) return { relay: base, ...parsePeer(rest, text) };
  if (/^[a-z]+:\/\//i.test(text)) throw invalid(text, 'a link looks like wss://relay/<address>');
  const slash = text.indexOf('/');
  const name = slash < 0 ? text : text.slice(0, slash);
  const contact = contacts.get(name);
  const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
  if (contact === undefined) {
    if (!/^[0-9a-f]{32,}$/i.test(name)) throw invalid(text, unknownName(name, contacts));
    return { relay: withSlash(relay), ...parsePeer(text, text) };
  }
  return {
    relay: withSlash(contact.relay ?? relay),
    peer: contact.address,
    resource: slash < 0 ? '/' : text.slice(slash),
  };
}

/** Parses an address and the path after it, which only the peer sees. */
function parsePeer(text: string, whole: string): Pick<Destination, 'peer' | 'resource'> {
  const [, peer = '', rest = ''] = /^([0-9a-z]*)(.*)$/is.exec(text) ?? [];
  if (peer.length !== 64) throw invalid(whole, `an address has 64 hex digits, and this has ${peer.length}`);
  if (/[A-F]/.test(peer)) throw invalid(whole, 'an address is in lower case');
  if (readAddress(peer) === null) throw invalid(whole, 'no such address exists: a digit is wrong');
  if (rest !== '' && !/^[/?]/.test(rest)) throw invalid(whole, 'only a / or ? can follow an address');
  return { peer, resource: rest.startsWith('/') ? rest : `/${rest}` };
}

function unknownName(name: string, contacts: Contacts): string {
  const names = [...contacts.keys()];
  const like = names.filter(
    (one) => distance(name.toLowerCase(), one.toLowerCase()) <= MAX_DISTANCE || (name !== '' && one.startsWith(name)),
  );
  if (like.length > 0) return `do you mean ${like.slice(0, 3).join(', ')}?`;
  const known =
    names.length === 0 ? 'there are no contacts yet' : `the most similar contact is ${closest(name, names)}`;
  return `${known} (sws contacts add <name> <link>)`;
}

function invalid(text: string, why: string): SwsError {
  return new SwsError('invalid-address', `${text} is neither a contact nor an address: ${why}`);
}

/**
 * Parses the peers that a flag names, by address or contact's name; `null` without the flag. @throws SwsError
 * `invalid-address`
 */
export function parsePeers(texts: readonly string[] | undefined, contacts: Contacts): string[] | null {
  return texts?.map((text) => parseDestination(text, 'wss://relay/', contacts).peer) ?? null;
}
