import { readAddress } from '@sws/crypto';
import { normaliseHost } from '@sws/protocol';
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
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw syntaxError('the scheme is not ws, wss, http or https');
  if (url.hash !== '' || url.href.endsWith('#')) throw syntaxError('the URL has a fragment');
  return url;
}

function relayOf(url: URL, path: string): RelayUrl {
  const host = normaliseHost(url.host);
  // URL Standard, forbidden domain code points: Chromium keeps some of them, percent-encoded.
  if (host === null || host.includes('%')) throw syntaxError('the host can not be a relay');
  const { username, password } = url;
  const credentials = username === '' && password === '' ? '' : `${username}:${password}@`;
  return { url: `${url.protocol}//${url.host}${path}`, credentials, host };
}

/** The URL of a relay alone. @throws DOMException SyntaxError */
export function parseRelayUrl(text: string): RelayUrl {
  const url = parse(text);
  return relayOf(url, url.pathname);
}

/** The URL of a peer at a relay. @throws DOMException SyntaxError where there is no address, or a malformed one */
export function parseAddressUrl(text: string): AddressUrl {
  const url = parse(text);
  const segments = url.pathname.split('/');
  const at = segments.findIndex((segment) => /^[0-9a-fA-F]{64}$/.test(segment));
  const peer = segments[at];
  if (peer === undefined) throw syntaxError('no path segment is an address of 64 hex digits');
  if (readAddress(peer) === null) throw syntaxError('the address is no canonical public key in lower case');
  const rest = segments.slice(at + 1).join('/');
  // `search` is empty for an empty query, whose question mark is part of what a server is asked for.
  const query = url.href.includes('?') ? url.search || '?' : '';
  const resource = `/${rest}${query}`;
  return { href: url.href, relay: relayOf(url, `${segments.slice(0, at).join('/')}/`), peer, resource };
}
