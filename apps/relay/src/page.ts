import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sirv from 'sirv';

/** On every answer: the page runs its own script only, and nobody frames it. */
const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
} as const;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Where the built chat page is, or `null` if it has not been built. */
function chatFolder(): string | null {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json')), 'dist');
  return existsSync(join(folder, 'index.html')) ? folder : null;
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}

/** Serves `/healthz` and, with `chat`, the page at `/` and at every `/<address>`. */
export function pageHandler(options: { readonly chat: boolean; readonly ready: () => boolean }): Handler {
  const folder = options.chat ? chatFolder() : null;
  const files = folder === null ? null : sirv(folder, { etag: true, single: true });
  return (request, response) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/healthz') return answer(response, 200, 'ok\n');
    if (path === '/readyz')
      return options.ready() ? answer(response, 200, 'ready\n') : answer(response, 503, 'draining\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'only GET\n');
    if (files === null) return answer(response, 404, 'An SWS relay. Connect with a WebSocket, subprotocol sws.v1.\n');
    files(request, response, () => answer(response, 404, 'not found\n'));
  };
}
