import { readAddress } from '@sws/crypto';

/** Where the relay is: the origin that serves the page, unless the build says otherwise (README, "Host it elsewhere"). */
export function relayUrl(): string {
  return import.meta.env.VITE_SWS_RELAY ?? new URL('/', location.href).href;
}

/** The link that stands for an address. On a static host every path but the page's own is unknown: there it follows a `#`. */
export function linkTo(address: string): string {
  const here = import.meta.env.VITE_SWS_RELAY === undefined ? '/' : '#';
  return new URL(`${here}${address}`, location.href).href;
}

/** The address in a link, or in a text that holds one; `null` if there is none. */
export function addressIn(text: string): string | null {
  return text.split(/[^0-9a-zA-Z]+/).find((part) => readAddress(part) !== null) ?? null;
}

/** The address in the page's own URL. */
export function addressInUrl(): string | null {
  return addressIn(location.pathname + location.hash);
}

/** An address short enough to recognise. */
export function shortAddress(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}
