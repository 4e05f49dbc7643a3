import { readAddress } from '@sws/crypto';
import { isResource, normaliseHost } from '@sws/protocol/internal';
import { baseUrl } from '#platform';

/** A relay's URL taken apart (PROTOCOL §1). */
export interface RelayUrl {
  /** What is dialled, but for `credentials`. */
  readonly url: string;
  /** `user:password@` for a gate before the relay (HTTP authentication), or empty. */
  readonly credentials: string;
  /** What registration signs. */
  readonly host: string;
}

/** `wss://relay/<address>/resource?query` taken apart. */
export interface AddressUrl {
  /** The whole URL, serialised. */
  readonly href: string;
  readonly relay: RelayUrl;
  readonly peer: string;
  /** Path and query after the address, for the peer alone; `/` if there is none. */
  readonly resource: string;
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, 'SyntaxError');
}

/** Parses as the WebSocket constructor does: relative to the page, http(s) as ws(s), no fragment. @throws DOMException SyntaxError */
function parse(text: string): URL {
  let url: URL;
  try {
    url = new URL(text, baseUrl());
  } catch {
    throw syntaxError('not a valid URL');
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw syntaxError('the scheme must be ws, wss, http or https');
  if (url.hash !== '' || url.href.endsWith('#')) throw syntaxError('the URL must not have a fragment');
  return url;
}

function relayOf(url: URL, path: string): RelayUrl {
  const host = normaliseHost(url.host);
  // URL Standard, forbidden domain code points: Chromium keeps some of them, percent-encoded.
  if (host === null || host.includes('%')) throw syntaxError('the host cannot be a relay');
  const { username, password } = url;
  const credentials = username === '' && password === '' ? '' : `${username}:${password}@`;
  return { url: `${url.protocol}//${url.host}${path}`, credentials, host };
}

/** The URL of a relay alone; its path ends with a slash, as that before an address does. @throws DOMException SyntaxError */
export function parseRelayUrl(text: string): RelayUrl {
  const url = parse(text);
  return relayOf(url, url.pathname.replace(/\/?$/, '/'));
}

/** The URL of a peer at a relay. @throws DOMException SyntaxError where there is no address, or a malformed one */
export function parseAddressUrl(text: string): AddressUrl {
  const url = parse(text);
  const segments = url.pathname.split('/');
  const at = segments.findIndex((segment) => /^[0-9a-fA-F]{64}$/.test(segment));
  const peer = segments[at];
  if (peer === undefined) throw syntaxError('the path must contain an address of 64 hex digits');
  if (readAddress(peer) === null) throw syntaxError('address must be 64 lower-case hex digits of a valid public key');
  const rest = segments.slice(at + 1).join('/');
  // `search` is empty for an empty query, whose question mark is part of what a server is asked for.
  const query = url.href.includes('?') ? url.search || '?' : '';
  const resource = `/${rest}${query}`;
  if (!isResource(resource))
    throw syntaxError('the path after the address must not begin with // and must be percent-encoded');
  return { href: url.href, relay: relayOf(url, `${segments.slice(0, at).join('/')}/`), peer, resource };
}
