import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sirv from 'sirv';
import { contentSecurityPolicy, SECURITY_HEADERS } from './security-headers.js';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface PageOptions {
  readonly chat: boolean;
  /** Names that the page may be asked for, and connect to; `null` for loopback names. */
  readonly hosts: readonly string[] | null;
  readonly tls: boolean;
  readonly ready: () => boolean;
  /** The text of `/metrics`, or `null` where there is none here. */
  readonly metrics: (() => Promise<string>) | null;
  readonly onAnswer?: (request: IncomingMessage, status: number) => void;
}

/** Where the built chat page is, or `null` if it has not been built. */
function chatFolder(): string | null {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json')), 'dist');
  return existsSync(join(folder, 'index.html')) ? folder : null;
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
}

/** Serves `/healthz`, `/readyz`, `/metrics` and, with `chat`, the page at `/` and at every `/<address>`. */
export function pageHandler(options: PageOptions): Handler {
  const { chat, hosts, tls, ready, metrics, onAnswer } = options;
  const folder = chat ? chatFolder() : null;
  const files = folder === null ? null : sirv(folder, { etag: true, single: true });
  return (request, response) => {
    if (onAnswer !== undefined) response.once('finish', () => onAnswer(request, response.statusCode));
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader('Content-Security-Policy', contentSecurityPolicy(request.headers.host, hosts));
    if (tls) response.setHeader('Strict-Transport-Security', 'max-age=31536000');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return answer(response, 405, 'only GET\n');
    }
    switch ((request.url ?? '/').split('?')[0]) {
      case '/healthz':
        return answer(response, 200, 'ok\n');
      case '/readyz':
        return ready() ? answer(response, 200, 'ready\n') : answer(response, 503, 'draining\n');
      case '/metrics':
        if (metrics === null) return answer(response, 404, 'no metrics here\n');
        metrics().then(
          (text) => answer(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8'),
          () => answer(response, 500, 'metrics could not be read\n'),
        );
        return;
      default:
        if (files === null) answer(response, 404, 'An SWS relay. Connect with a WebSocket, subprotocol sws.v1.\n');
        else files(request, response, () => answer(response, 404, 'not found\n'));
    }
  };
}
