import { BlockList, isIP, isIPv6 } from 'node:net';

/** The proxies whose `X-Forwarded-For` is believed: addresses and CIDR ranges. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #none: boolean;

  /** @throws RangeError that names the entry that is neither an address nor a range */
  constructor(entries: readonly string[]) {
    this.#none = entries.length === 0;
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/');
      const family = isIP(address);
      const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix);
      if (family === 0 || prefix === '' || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
        throw new RangeError(`trustedProxies: ${entry} must be an IP address or a range such as 10.0.0.0/8`);
      }
      this.#list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
    }
  }

  has(address: string): boolean {
    // A lookup allocates objects, which would cost memory for every connection.
    return !this.#none && isIP(address) !== 0 && this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  /**
   * The address for the limits: the connection's own or, if that is a trusted proxy, the last one in `X-Forwarded-For`
   * that is not a trusted proxy. The client may have written the addresses before it.
   */
  clientOf(direct: string, forwardedFor: string | undefined): string {
    let client = plain(direct);
    if (forwardedFor === undefined || !this.has(client)) return client;
    for (const entry of forwardedFor.split(',').reverse()) {
      const address = plain(withoutPort(entry.trim()));
      if (isIP(address) === 0) break;
      client = address;
      if (!this.has(address)) break;
    }
    return client;
  }
}

/** An IPv4 address that came over IPv6, as IPv4. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1] ?? entry;
}

/** An IPv4 address unchanged, or the /64 of an IPv6 address, because one customer usually has a whole /64. */
export function networkOf(address: string): string {
  const own = plain(address);
  if (!isIPv6(own)) return own;
  const [head = '', tail] = (own.split('%')[0] ?? '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
