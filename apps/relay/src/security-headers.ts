import { hostMatches, LOOPBACK_HOSTS } from '@sws/protocol/internal';

/** On every answer, beside the policy below. */
export const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // The chat reads QR codes with the camera.
  'Permissions-Policy': 'camera=(self), geolocation=(), microphone=(), payment=(), usb=()',
} as const;

/** What stands in a URL as an authority and nothing else: it goes into a header. */
const AUTHORITY = /^[a-z0-9.-]+(:\d{1,5})?$/;

/**
 * The page runs its own script and style, talks to the relay that served it, and nobody frames it. `'self'` covers the
 * WebSocket in Chromium and Firefox; Safari before 15.4 wants it spelled out, so that the name is added where it is ours.
 */
export function contentSecurityPolicy(host: string | undefined, hosts: readonly string[] | null): string {
  const own = host?.toLowerCase() ?? '';
  const ours = AUTHORITY.test(own) && hostMatches(withoutDefaultPort(own), hosts ?? LOOPBACK_HOSTS, hosts === null);
  const sockets = ours ? ` ws://${own} wss://${own}` : '';
  return [
    "default-src 'self'",
    // WebAssembly, which seals faster than script does; no eval of script.
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
