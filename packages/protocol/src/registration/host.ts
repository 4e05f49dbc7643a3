/** The hosts that a relay without configured hosts accepts, with any port. Such a relay listens only on loopback. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

const DEFAULT_PORTS = /:(80|443)$/;

/**
 * Normalises an authority for signing (PROTOCOL §2): lower case, without one trailing dot of the name. Pass WHATWG
 * `URL.host`, which has no default port of the scheme. `null` if it cannot be an authority.
 */
export function normaliseHost(host: string): string | null {
  const lower = host.toLowerCase();
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]\\]+?)\.?(:\d{1,5})?$/.exec(lower);
  if (match === null) return null;
  const normal = `${match[1]}${match[2] ?? ''}`;
  return normal.length <= 255 ? normal : null;
}

/** Whether `host`, as a client signed it, is one of `hosts`. With `anyPort`, loopback names match with any port. */
export function hostMatches(host: string, hosts: readonly string[], anyPort: boolean): boolean {
  const normal = normaliseHost(host);
  if (normal === null || normal !== host) return false;
  const name = anyPort ? normal.replace(/:\d+$/, '') : normal;
  return hosts.some((entry) => entry.toLowerCase().replace(DEFAULT_PORTS, '').replace(/\.$/, '') === name);
}
