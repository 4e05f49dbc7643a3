import { getProxyForUrl } from 'proxy-from-env';

/**
 * Returns the proxy that the environment names for a relay (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`);
 * empty if there is none.
 */
export function proxyFor(relay: string): string {
  return getProxyForUrl(relay.replace(/^ws/, 'http'));
}
