import { isIPv6 } from 'node:net';

/** Counts connections that have not registered, in all and by remote address (IPv6 by /64): both are bounded. */
export class PendingConnections {
  readonly #maxInAll: number;
  readonly #maxPerAddress: number;
  readonly #byAddress = new Map<string, number>();
  #inAll = 0;

  constructor(maxInAll: number, maxPerAddress: number) {
    this.#maxInAll = maxInAll;
    this.#maxPerAddress = maxPerAddress;
  }

  /** Takes a place; `null` where there is none. The function gives it back, once. */
  enter(remoteAddress: string): (() => void) | null {
    const network = networkOf(remoteAddress);
    const own = this.#byAddress.get(network) ?? 0;
    if (this.#inAll >= this.#maxInAll || own >= this.#maxPerAddress) return null;
    this.#inAll++;
    this.#byAddress.set(network, own + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inAll--;
      const rest = (this.#byAddress.get(network) ?? 1) - 1;
      if (rest > 0) this.#byAddress.set(network, rest);
      else this.#byAddress.delete(network);
    };
  }
}

/** An IPv4 address as it is; of an IPv6 one its first 64 bits, which one customer commonly has whole. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
