import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Endpoint, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Relay, startRelay } from '../src/index.js';
import { Shell } from '../src/shell.js';

const folder = temporaryFolder();
afterAll(folder.remove);
const chat = join(dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json')), 'dist');
const script = `assets/${readdirSync(join(chat, 'assets')).find((name) => /^index-.*\.js$/.test(name))}`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
/** Unlike `fetch`, it does not decompress. */
const get = (url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on('error', reject).end();
  });

describe('the page', () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await startRelay({ port: 0 });
  });
  afterAll(() => relay.close());

  test('is sent compressed if the client accepts that', async () => {
    const plain = readFileSync(join(chat, script));
    const url = `${relay.url}${script}`;
    for (const [accepted, encoding, decoded] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
      ['', undefined, (bytes: Buffer) => bytes],
      ['br;q=0.000, zstd', undefined, (bytes: Buffer) => bytes],
    ] as const) {
      const { status, headers, body } = await get(url, { 'Accept-Encoding': accepted });
      expect([status, headers['content-encoding']], accepted).toEqual([200, encoding]);
      expect(decoded(body).equals(plain), accepted).toBe(true);
      expect(headers['content-length'], accepted).toBe(String(body.length));
      expect([headers.vary, headers['content-type']]).toEqual(['Accept-Encoding', 'text/javascript; charset=utf-8']);
    }
    expect((await get(url, { 'Accept-Encoding': 'br' })).body.length).toBeLessThan(plain.length / 3);
  });

  test('is revalidated, except files with a hash in their name', async () => {
    for (const accepted of ['br', '']) {
      const first = await get(relay.url, { 'Accept-Encoding': accepted });
      expect(first.headers['cache-control']).toBe('no-cache');
      const etag = String(first.headers.etag);
      for (const named of [etag, `"other", W/${etag}`, '*']) {
        const again = await get(relay.url, { 'Accept-Encoding': accepted, 'If-None-Match': named });
        expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
        expect(again.headers['content-security-policy']).toContain("default-src 'self'");
      }
      expect((await get(relay.url, { 'Accept-Encoding': accepted, 'If-None-Match': '"other"' })).status).toBe(200);
    }
    expect((await get(`${relay.url}${script}`)).headers['cache-control']).toContain('immutable');
  });

  test('is served at every address; a missing file is 404; HEAD sends headers only', async () => {
    const page = await get(relay.url);
    for (const path of ['7'.repeat(64), `${'7'.repeat(64)}/room?x=1`, '?q=1'])
      expect((await get(relay.url + path)).body.equals(page.body), path).toBe(true);
    for (const path of ['nothing.js', 'assets/gone-12345678.js', '.env', '../package.json', '%2e%2e%2fpackage.json'])
      expect((await get(relay.url + path)).status, path).toBe(404);
    const head = await get(relay.url, {}, 'HEAD');
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, String(page.body.length)]);
  });

  test('a request with a body is refused at once and not read', async () => {
    const { port } = new URL(relay.url);
    for (const [head, status] of [
      ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n', 405],
      ['POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n', 405],
      ['GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n', 413],
      ['GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n', 413],
      ['DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    ] as const) {
      const socket = connect(Number(port), '127.0.0.1');
      let answer = '';
      socket.on('error', () => {}).on('data', (chunk) => (answer += chunk));
      socket.write(head);
      await new Promise((resolve) => socket.once('close', resolve)); // the client says nothing more, and does not close
      expect(answer, head).toContain(`HTTP/1.1 ${status}`);
    }
  });
});

test('a page changed on disk is served as it was at the start', async () => {
  const path = folder.path('page');
  mkdirSync(join(path, 'assets'), { recursive: true });
  writeFileSync(join(path, 'index.html'), 'one');
  writeFileSync(join(path, 'assets', 'a-1.js'), 'first');
  const shell = await Shell.load(path);
  const server = createServer((asked, response) => {
    if (!shell.answer(asked, response, asked.url ?? '')) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const both = async () => [await get(url), await get(`${url}assets/a-1.js`)].map(({ body }) => String(body));
  expect(await both()).toEqual(['one', 'first']);
  writeFileSync(join(path, 'index.html'), 'two');
  expect(await both()).toEqual(['one', 'first']);
  rmSync(path, { recursive: true });
  expect(await both()).toEqual(['one', 'first']);
  await new Promise((resolve) => server.close(resolve));
});

describe('of a relay process', () => {
  const running: RelayProcess[] = [];
  afterEach(async () => {
    for (const relay of running.splice(0)) await relay.stop();
  });
  const descriptors = ({ child }: RelayProcess): number => readdirSync(`/proc/${child.pid}/fd`).length;
  const isLinux = process.platform === 'linux';

  test.skipIf(!isLinux)('an aborted request leaks no descriptor or handle', { timeout: 60_000 }, async () => {
    const relay = await RelayProcess.start([
      ...['--port', '0', '--identity', folder.path('identity'), '--handshake-timeout', '1'],
      ...['--max-pending-per-address', '1000'],
    ]);
    running.push(relay);
    const handles = async (): Promise<number> => {
      const text = String((await get(`${relay.url}metrics`)).body);
      return Number(/^nodejs_active_resources_total (\d+)/m.exec(text)?.[1]);
    };
    await handles();
    const before = { descriptors: descriptors(relay), handles: await handles() };
    const asking = (head: string, then: (socket: Socket) => void): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(relay.port, '127.0.0.1');
        socket.on('error', () => {});
        socket.once('close', () => resolve());
        socket.once('connect', () => {
          socket.write(`${head} HTTP/1.1\r\nHost: localhost\r\n`);
          then(socket);
        });
      });
    const ends: Record<string, () => Promise<void>> = {
      'closed by the relay': () => asking('GET /', (socket) => socket.resume().write('Connection: close\r\n\r\n')),
      'closed by the client after the first bytes': () =>
        asking(`GET /${script}`, (socket) => {
          socket.once('data', () => socket.destroy());
          socket.write('\r\n');
        }),
      'reset while it is sent': () =>
        asking(`GET /${script}`, (socket) => {
          socket.once('data', () => socket.resetAndDestroy());
          socket.write('\r\n');
        }),
      'closed before the answer': () => asking('GET /', (socket) => void socket.write('\r\n', () => socket.destroy())),
      'half-closed': () => asking('GET /', (socket) => void socket.resume().end('\r\n')),
      'never read': () =>
        asking(`GET /${script}`, (socket) => {
          socket.pause();
          for (let i = 0; i < 40; i++) socket.write(`\r\nGET /${script} HTTP/1.1\r\nHost: localhost\r\n`);
          socket.write('\r\n');
        }),
      'never asked whole': () => asking('GET /', (socket) => void socket.resume()),
      'a body that never comes': () => asking('POST /', (socket) => socket.resume().write('Content-Length: 9\r\n\r\n')),
    };
    for (const [name, end] of Object.entries(ends)) {
      const done = Promise.all(Array.from({ length: 30 }, end));
      // Those who do not read hear of the end only when they do.
      if (name !== 'never read') await done;
      await expect
        .poll(() => descriptors(relay), { timeout: 10_000, message: name })
        .toBeLessThanOrEqual(before.descriptors);
    }
    await expect.poll(handles, { timeout: 5_000 }).toBeLessThanOrEqual(before.handles);
    const refused = String((await get(`${relay.url}metrics`)).body);
    expect(refused).toContain('sws_refusals_total{reason="slow-reader"} 30');
    expect(refused).toContain('sws_refusals_total{reason="slow-handshake"} 30');
  });

  const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
  test.skipIf(!hasPrlimit)(
    'without free descriptors the relay keeps its clients, and later serves the page again (skipped where prlimit is missing)',
    { timeout: 60_000 },
    async () => {
      const relay = await RelayProcess.start(['--port', '0', '--identity', folder.path('identity')]);
      running.push(relay);
      const endpoints = Array.from(
        { length: 10 },
        () => new Endpoint(relay.url, { identity: Identity.generate(randomBytes) }),
      );
      for (const endpoint of endpoints) await expect.poll(() => endpoint.state, { timeout: 10_000 }).toBe('registered');
      const states: string[] = [];
      for (const endpoint of endpoints)
        endpoint.addEventListener('state', ({ state }: StateEvent) => states.push(state));
      execFileSync('prlimit', ['--pid', String(relay.child.pid), `--nofile=${descriptors(relay) + 5}`]);
      const asking = Array.from({ length: 200 }, () => {
        const socket = connect(relay.port, '127.0.0.1').on('error', () => {});
        socket.resume().write(`GET /${script} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        return socket;
      });
      const refused = (): number => asking.filter(({ destroyed }) => destroyed).length;
      await expect.poll(refused, { timeout: 10_000 }).toBeGreaterThan(100);
      for (const socket of asking) socket.destroy();
      const [one, other] = endpoints;
      if (one === undefined || other === undefined) throw new Error('no endpoints');
      const got: unknown[] = [];
      other.addEventListener('message', ({ data }: Event & { data?: unknown }) => got.push(data));
      await one.send(other.address ?? '', 'still here');
      expect([got, states]).toEqual([['still here'], []]);
      await expect.poll(() => get(relay.url).then(({ status }) => status, String), { timeout: 10_000 }).toBe(200);
      for (const endpoint of endpoints) await endpoint.close();
    },
  );
});
