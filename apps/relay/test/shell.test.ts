import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Shell } from '../src/shell.js';

const folder = temporaryFolder();
afterAll(folder.remove);
const LONG = 'long enough to be worth it. '.repeat(50);
let shell: Shell;
beforeAll(async () => {
  const path = folder.path('page');
  mkdirSync(join(path, 'assets'), { recursive: true });
  const long = ['index.html', 'assets/a-1.js', 'style.css', 'icon.svg', 'photo.png', 'app.webmanifest', 'LICENSE'];
  for (const name of [...long, 'font.woff2']) writeFileSync(join(path, name), LONG);
  writeFileSync(join(path, 'short.js'), 'x');
  shell = await Shell.load(path);
});

function ask(path: string, headers: Record<string, string> = {}) {
  const answer = { status: 0, headers: {} as Record<string, string>, body: null as Buffer | null };
  const response = {
    writeHead(status: number, given: Record<string, string>) {
      Object.assign(answer, { status, headers: given });
      return response;
    },
    end: (body?: Buffer) => Object.assign(answer, { body: body ?? null }),
  };
  const found = shell.answer({ headers } as unknown as IncomingMessage, response as unknown as ServerResponse, path);
  return found ? answer : null;
}

test.each([
  ['/index.html', 'text/html; charset=utf-8', true],
  ['/assets/a-1.js', 'text/javascript; charset=utf-8', true],
  ['/style.css', 'text/css; charset=utf-8', true],
  ['/icon.svg', 'image/svg+xml', true],
  ['/app.webmanifest', 'application/manifest+json', true],
  ['/LICENSE', 'text/plain; charset=utf-8', true],
  ['/photo.png', 'image/png', false],
  ['/font.woff2', 'application/octet-stream', false],
  ['/short.js', 'text/javascript; charset=utf-8', false],
])('%s is %s; compressed: %s', (path, type, compressed) => {
  const plain = ask(path);
  expect([plain?.status, plain?.headers['Content-Type']]).toEqual([200, type]);
  expect(plain?.headers.Vary).toBe(compressed ? 'Accept-Encoding' : undefined);
  expect('Content-Encoding' in (plain?.headers ?? {})).toBe(false);
  const etags = new Set([plain?.headers.ETag]);
  for (const encoding of ['br', 'gzip']) {
    const packed = ask(path, { 'accept-encoding': encoding });
    expect(packed?.headers['Content-Encoding']).toBe(compressed ? encoding : undefined);
    expect(packed?.headers['Content-Length']).toBe(packed?.body?.length);
    etags.add(packed?.headers.ETag);
  }
  expect(etags.size).toBe(compressed ? 3 : 1);
});

test('chooses an accepted encoding, ours first, none with weight 0', () => {
  const encoding = (accepted: string) => ask('/', { 'accept-encoding': accepted })?.headers['Content-Encoding'];
  const taken = ['gzip, br', 'BR', ' gzip ; q=0.1', 'br;q=0,gzip', 'br;q=0.00', 'br;q=0.01', 'zstd', ''].map(encoding);
  expect(taken).toEqual(['br', 'br', 'gzip', 'gzip', undefined, 'br', undefined, undefined]);
});

test('only files with a hash in their name are cached without revalidation', () => {
  const cached = (path: string) => ask(path)?.headers['Cache-Control'];
  expect(['/assets/a-1.js', '/index.html', '/icon.svg'].map(cached)).toEqual([
    'public, max-age=31536000, immutable',
    'no-cache',
    'no-cache',
  ]);
});

test('a path without a dot is the page; an unknown file is 404', () => {
  const page = ask('/index.html')?.body;
  expect(['/', '/abc', '/v1.2/abc'].map((path) => ask(path)?.body === page)).toEqual([true, true, true]);
  expect(['/gone.js', '/abc/.env'].map((path) => ask(path))).toEqual([null, null]);
});

test('answers 304 if the file has not changed', () => {
  const etag = ask('/')?.headers.ETag ?? '';
  for (const named of [etag, ` ${etag} `, `"x",W/${etag}`, '*']) {
    const again = ask('/', { 'if-none-match': named });
    expect([again?.status, again?.body, again?.headers.ETag, again?.headers['Content-Length']]).toEqual([
      304,
      null,
      etag,
      undefined,
    ]);
  }
  for (const named of ['', '"x"', etag.slice(1), `${etag}x`])
    expect(ask('/', { 'if-none-match': named })?.status).toBe(200);
});
