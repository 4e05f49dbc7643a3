/** Hosts that a relay without configured ones accepts, with any port: it listens on loopback only. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

const DEFAULT_PORTS = /:(80|443)$/;

/**
 * An authority as it is signed (PROTOCOL §2): lower case, one trailing dot of the name removed. Pass WHATWG `URL.host`,
 * which has dropped the scheme's default port already; `null` for what can't be one.
 */
export function normaliseHost(host: string): string | null {
  const lower = host.toLowerCase();
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]\\]+?)\.?(:\d{1,5})?$/.exec(lower);
  if (match === null) return null;
  const normal = `${match[1]}${match[2] ?? ''}`;
  return normal.length <= 255 ? normal : null;
}

/** Whether `host`, as a client signed it, is one of `hosts`. Loopback names take any port where `anyPort` is set. */
export function hostMatches(host: string, hosts: readonly string[], anyPort: boolean): boolean {
  const normal = normaliseHost(host);
  if (normal === null || normal !== host) return false;
  const name = anyPort ? normal.replace(/:\d+$/, '') : normal;
  return hosts.some((entry) => entry.toLowerCase().replace(DEFAULT_PORTS, '').replace(/\.$/, '') === name);
}
