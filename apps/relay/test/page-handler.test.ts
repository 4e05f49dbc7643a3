import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type PageOptions, pageHandler } from '../src/page.js';
import { contentSecurityPolicy } from '../src/security-headers.js';
import type { Shell } from '../src/shell.js';

interface Asked {
  readonly url?: string | undefined;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}
/** What a handler answers, once it has. */
async function ask(options: Partial<PageOptions>, { url, method = 'GET', headers = {} }: Asked) {
  const handle = pageHandler({ shell: null, hosts: null, tls: false, ready: () => true, metrics: null, ...options });
  const set: Record<string, unknown> = {};
  return new Promise<{ status: number; text: unknown; headers: Record<string, unknown> }>((resolve) => {
    let finished = (): void => {};
    const response = {
      statusCode: 0,
      once: (_event: string, listener: () => void) => {
        finished = listener;
      },
      setHeader: (name: string, value: unknown) => {
        set[name] = value;
      },
      writeHead(status: number, given: object) {
        response.statusCode = status;
        Object.assign(set, given);
        return response;
      },
      end(text: unknown) {
        finished();
        resolve({ status: response.statusCode, text, headers: set });
      },
    };
    handle({ url, method, headers } as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
}

const PLAIN = 'text/plain; charset=utf-8';

test.each<[string, Partial<PageOptions>, Asked, number, string]>([
  ['health', {}, { url: '/healthz' }, 200, 'ok\n'],
  ['health, with a query, by HEAD', {}, { url: '/healthz?x', method: 'HEAD' }, 200, 'ok\n'],
  ['a relay that is ready', {}, { url: '/readyz' }, 200, 'ready\n'],
  ['one that is not', { ready: () => false }, { url: '/readyz' }, 503, 'draining\n'],
  ['no metrics', {}, { url: '/metrics' }, 404, 'no metrics here\n'],
  [
    'metrics that fail',
    { metrics: () => Promise.reject(new Error('why')) },
    { url: '/metrics' },
    500,
    'metrics could not be read\n',
  ],
  ['no page', {}, { url: '/' }, 404, 'An SWS relay. Connect with a WebSocket, subprotocol sws.v1.\n'],
  ['no URL', {}, {}, 404, 'An SWS relay. Connect with a WebSocket, subprotocol sws.v1.\n'],
  ['nothing there', { shell: { answer: () => false } as unknown as Shell }, { url: '/x' }, 404, 'not found\n'],
  ['a method', {}, { url: '/healthz', method: 'PUT' }, 405, 'only GET\n'],
  ['a body', {}, { url: '/healthz', headers: { 'content-length': '1' } }, 413, 'requests must have no body\n'],
  ['a body', {}, { url: '/healthz', headers: { 'transfer-encoding': 'chunked' } }, 413, 'requests must have no body\n'],
  ['no body', {}, { url: '/healthz', headers: { 'content-length': '0' } }, 200, 'ok\n'],
])('%s', async (_, options, asked, status, text) => {
  const answer = await ask(options, asked);
  expect([answer.status, answer.text]).toEqual([status, text]);
  expect(answer.headers).toMatchObject({ 'Content-Type': PLAIN, 'Cache-Control': 'no-store' });
  const closes = status === 405 || status === 413;
  expect([answer.headers.Connection, answer.headers.Allow]).toEqual([
    closes ? 'close' : undefined,
    status === 405 ? 'GET, HEAD' : undefined,
  ]);
});

test('metrics have their own content type, and the page is chosen by path', async () => {
  const metrics = await ask({ metrics: async () => 'sws_info 1\n' }, { url: '/metrics' });
  expect([metrics.status, metrics.text, metrics.headers['Content-Type']]).toEqual([
    200,
    'sws_info 1\n',
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  const shell = {
    answer: (_request: unknown, response: ServerResponse, path: string) => {
      response.writeHead(200, {}).end(path);
      return true;
    },
  } as unknown as Shell;
  expect((await ask({ shell }, { url: '/abc?x=1' })).text).toBe('/abc');
});

test('each response is logged with its request, once sent', async () => {
  const told: unknown[] = [];
  await ask({ onAnswer: ({ url }, status) => told.push([url, status]) }, { url: '/readyz' });
  expect(told).toEqual([['/readyz', 200]]);
});

test('each response has all security headers, and HSTS with TLS', async () => {
  const host = 'relay.example';
  const fixed = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(self), geolocation=(), microphone=(), payment=(), usb=()',
    'Content-Security-Policy': contentSecurityPolicy(host, [host]),
  };
  const { headers } = await ask({ hosts: [host] }, { url: '/', headers: { host } });
  expect(headers).toMatchObject(fixed);
  expect('Strict-Transport-Security' in headers).toBe(false);
  const secure = await ask({ hosts: [host], tls: true }, { url: '/', method: 'POST', headers: { host } });
  expect(secure.headers).toMatchObject({ ...fixed, 'Strict-Transport-Security': 'max-age=31536000' });
});

test('the policy allows what the page needs, and connections to our hosts only', () => {
  const policy = (connect: string): string =>
    [
      "default-src 'self'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "img-src 'self' data: blob:",
      `connect-src 'self'${connect}`,
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; ');
  const to = (host: string): string => policy(` ws://${host} wss://${host}`);
  expect(contentSecurityPolicy('Relay.Example', ['relay.example'])).toBe(to('relay.example'));
  // A port that is the usual one may be said or not.
  for (const host of ['relay.example:443', 'relay.example:80'])
    expect(contentSecurityPolicy(host, ['relay.example'])).toBe(to(host));
  expect(contentSecurityPolicy('127.0.0.1:8787', null)).toBe(to('127.0.0.1:8787'));
  for (const [host, hosts] of [
    ['localhost:8787', ['relay.example']],
    ['relay.example', null],
    ['relay.example:8443', ['relay.example']],
    ['relay.example ', ['relay.example']],
    [undefined, null],
  ] as const)
    expect(contentSecurityPolicy(host, hosts)).toBe(policy(''));
});

test('requests that come while the metrics are read cost one reading', async () => {
  let readings = 0;
  const metrics = async (): Promise<string> => `reading ${++readings}`;
  const handle = pageHandler({ shell: null, hosts: null, tls: false, ready: () => true, metrics });
  const texts: unknown[] = [];
  const response = { setHeader() {}, writeHead: () => ({ end: (text: unknown) => texts.push(text) }) };
  const request = { url: '/metrics', method: 'GET', headers: {} };
  const get = (): void => handle(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  for (let i = 0; i < 1_000; i++) get();
  await new Promise(setImmediate);
  get();
  await new Promise(setImmediate);
  expect([texts.length, texts[0], texts[999], texts[1_000]]).toEqual([1_001, 'reading 1', 'reading 1', 'reading 2']);
});
