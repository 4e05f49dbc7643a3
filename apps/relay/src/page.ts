import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { contentSecurityPolicy, SECURITY_HEADERS } from './security-headers.js';
import { Shell } from './shell.js';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface PageOptions {
  /** The chat page, or `null` if it is not served. */
  readonly shell: Shell | null;
  /** The names under which the page is served and to which it may connect; `null` for loopback names. */
  readonly hosts: readonly string[] | null;
  readonly tls: boolean;
  readonly ready: () => boolean;
  /** The text of `/metrics`, or `null` if it is not served here. */
  readonly metrics: (() => Promise<string>) | null;
  readonly onAnswer?: (request: IncomingMessage, status: number) => void;
}

/** The built chat page, or `null` if it has not been built. @throws Error if one of its files cannot be read */
export async function chatShell(): Promise<Shell | null> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json')), 'dist');
  return existsSync(join(folder, 'index.html')) ? Shell.load(folder) : null;
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
}

/** Serves `/healthz`, `/readyz`, `/metrics` and, with `shell`, the page at `/` and at every `/<address>`. */
export function pageHandler(options: PageOptions): Handler {
  const { shell, hosts, tls, ready, metrics, onAnswer } = options;
  let reading: Promise<string> | null = null;
  // Requests that come while the metrics are read get the same text: thousands in one packet cost one reading.
  const readMetrics = (read: () => Promise<string>): Promise<string> => {
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };
  return (request, response) => {
    if (onAnswer !== undefined) response.once('finish', () => onAnswer(request, response.statusCode));
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader('Content-Security-Policy', contentSecurityPolicy(request.headers.host, hosts));
    if (tls) response.setHeader('Strict-Transport-Security', 'max-age=31536000');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || hasBody(request)) {
      // The body is not read. End the connection with the answer.
      response.setHeader('Connection', 'close');
      if (isRead) return answer(response, 413, 'requests must have no body\n');
      response.setHeader('Allow', 'GET, HEAD');
      return answer(response, 405, 'only GET\n');
    }
    const path = String(request.url).split('?')[0] ?? '';
    switch (path) {
      case '/healthz':
        return answer(response, 200, 'ok\n');
      case '/readyz':
        return ready() ? answer(response, 200, 'ready\n') : answer(response, 503, 'draining\n');
      case '/metrics':
        if (metrics === null) return answer(response, 404, 'no metrics here\n');
        readMetrics(metrics).then(
          (text) => answer(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8'),
          () => answer(response, 500, 'metrics could not be read\n'),
        );
        return;
      default:
        if (shell === null) answer(response, 404, 'An SWS relay. Connect with a WebSocket, subprotocol sws.v1.\n');
        else if (!shell.answer(request, response, path)) answer(response, 404, 'not found\n');
    }
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}
