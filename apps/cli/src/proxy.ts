import { getProxyForUrl } from 'proxy-from-env';

/** The proxy that the environment names for a relay (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`); empty for none. */
export function proxyFor(relay: string): string {
  return getProxyForUrl(relay.replace(/^ws/, 'http'));
}
