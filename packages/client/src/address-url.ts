import { readAddress } from '@sws/crypto';
import { isResource, normaliseHost } from '@sws/protocol/internal';
import { baseUrl } from '#platform';

/** The parts of a relay's URL (PROTOCOL §1). */
export interface RelayUrl {
  /** The URL to dial, without `credentials`. */
  readonly url: string;
  /** `user:password@` for HTTP authentication in front of the relay, or empty. */
  readonly credentials: string;
  /** The authority that registration signs. */
  readonly host: string;
}

/** The parts of `wss://relay/<address>/resource?query`. */
export interface AddressUrl {
  /** The whole URL, serialised. */
  readonly href: string;
  readonly relay: RelayUrl;
  readonly peer: string;
  /** Path and query after the address, which only the peer sees; `/` if there is none. */
  readonly resource: string;
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, 'SyntaxError');
}

/**
 * Parses as the WebSocket constructor does: relative to the page, http(s) as ws(s), no fragment. @throws DOMException
 * SyntaxError
 */
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

/** Parses the URL of a relay without an address. Its path gets a slash at the end. @throws DOMException SyntaxError */
export function parseRelayUrl(text: string): RelayUrl {
  const url = parse(text);
  return relayOf(url, url.pathname.replace(/\/?$/, '/'));
}

/** Parses the URL of a peer at a relay. @throws DOMException SyntaxError if the address is missing or malformed */
export function parseAddressUrl(text: string): AddressUrl {
  const url = parse(text);
  const segments = url.pathname.split('/');
  const at = segments.findIndex((segment) => /^[0-9a-fA-F]{64}$/.test(segment));
  const peer = segments[at];
  if (peer === undefined) throw syntaxError('the path must contain an address of 64 hex digits');
  if (readAddress(peer) === null) throw syntaxError('address must be 64 lower-case hex digits of a valid public key');
  const rest = segments.slice(at + 1).join('/');
  // `search` is empty for an empty query, but the question mark belongs to the resource.
  const query = url.href.includes('?') ? url.search || '?' : '';
  const resource = `/${rest}${query}`;
  if (!isResource(resource))
    throw syntaxError('the path after the address must not begin with // and must be percent-encoded');
  return { href: url.href, relay: relayOf(url, `${segments.slice(0, at).join('/')}/`), peer, resource };
}
