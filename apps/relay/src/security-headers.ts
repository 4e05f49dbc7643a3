import { hostMatches, LOOPBACK_HOSTS } from '@sws/protocol/internal';

/** The headers of every answer, beside the policy below. */
export const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // The chat reads QR codes with the camera.
  'Permissions-Policy': 'camera=(self), geolocation=(), microphone=(), payment=(), usb=()',
} as const;

/** Matches only an authority of a URL, because it is written into a header. */
const AUTHORITY = /^[a-z0-9.-]+(:\d{1,5})?$/;

/**
 * The page runs only its own script and style, connects only to its relay, and cannot be framed. `'self'` includes the
 * WebSocket in Chromium and Firefox. Safari before 15.4 needs its URL, which is added if the name is ours.
 */
export function contentSecurityPolicy(host: string | undefined, hosts: readonly string[] | null): string {
  const own = host?.toLowerCase() ?? '';
  const ours = AUTHORITY.test(own) && hostMatches(withoutDefaultPort(own), hosts ?? LOOPBACK_HOSTS, hosts === null);
  const sockets = ours ? ` ws://${own} wss://${own}` : '';
  return [
    "default-src 'self'",
    // Allows WebAssembly, which seals faster than script, but no eval of script.
    "script-src 'self' 'wasm-unsafe-eval'",
    "img-src 'self' data: blob:",
    `connect-src 'self'${sockets}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function withoutDefaultPort(host: string): string {
  return host.replace(/:(80|443)$/, '');
}
