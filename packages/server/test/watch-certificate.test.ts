import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import {
  type FSWatcher,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type CertificateWatch, type ServedCertificate, watchCertificate } from '../src/index.js';

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The watchers of folders, for the tests to fail. */
const watchers = vi.hoisted(() => [] as FSWatcher[]);
const watchOptions = vi.hoisted(() => [] as unknown[]);
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const watch = (...given: Parameters<typeof fs.watch>): FSWatcher => {
    const watcher = fs.watch(...given);
    watchers.push(watcher);
    watchOptions.push(given[1]);
    return watcher;
  };
  return { ...fs, watch };
});

const made = mkdtempSync(join(tmpdir(), 'sws-certificates-'));
const pairs: Pair[] = [];
let folder: string;
let server: Server;
let watching: CertificateWatch | null = null;
const reloads: ServedCertificate[] = [];
const errors: Error[] = [];

beforeAll(() => {
  for (let i = 0; i < 4; i++) {
    const [key, cert] = [join(made, `key${i}.pem`), join(made, `cert${i}.pem`)];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'].concat(
        ['-keyout', key, '-out', cert, '-subj', `/CN=n${i}.example`],
        i < 3 ? ['-addext', `subjectAltName=DNS:n${i}.example`] : [],
      ),
      { stdio: 'ignore' },
    );
    pairs.push({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });
  }
});
afterAll(() => rmSync(made, { recursive: true }));

const pair = (i: number): Pair => {
  const found = pairs[i];
  if (found === undefined) throw new Error('no such pair');
  return found;
};
const file = (name: string): string => join(folder, name);
function write(i: number): void {
  writeFileSync(file('cert.pem'), pair(i).cert);
  writeFileSync(file('key.pem'), pair(i).key);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sws-served-'));
  reloads.length = 0;
  errors.length = 0;
  server = createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  watching?.close();
  watching = null;
  server.close();
  rmSync(folder, { recursive: true });
});

function serve(cert: string, key: string, pollMs = 60_000): CertificateWatch {
  watching = watchCertificate(server, {
    cert,
    key,
    debounceMs: 30,
    pollMs,
    onReload: (certificate) => reloads.push(certificate),
    onError: (error) => errors.push(error),
  });
  return watching;
}

async function handshake(): Promise<TLSSocket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return socket;
}
async function seen(): Promise<string> {
  const socket = await handshake();
  const name = socket.getPeerCertificate().subjectaltname ?? '';
  socket.destroy();
  return name;
}
async function until(done: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 10_000; !done(); ) {
    if (Date.now() > end) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
async function answered(socket: TLSSocket): Promise<string> {
  const data = once(socket, 'data');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return String((await data)[0]);
}

test('new connections get the new certificate, and an established connection stays', async () => {
  write(0);
  serve(file('cert.pem'), file('key.pem'));
  const old = await handshake();
  expect(await seen()).toBe('DNS:n0.example');
  write(1);
  await until(() => reloads.length === 1, 'reload');
  expect(reloads[0]).toMatchObject({ names: 'DNS:n1.example' });
  expect(watching?.certificate).toBe(reloads[0]);
  expect(await seen()).toBe('DNS:n1.example');
  expect(await answered(old)).toContain('200 OK');
  old.destroy();
});

test('a half-written certificate and a half-written key change nothing until they are whole', async () => {
  write(0);
  serve(file('cert.pem'), file('key.pem'));
  const chain = pair(1).cert + pair(2).cert;
  writeFileSync(file('cert.pem'), chain.slice(0, chain.length - 100));
  await until(() => errors.length === 1, 'error for the certificate');
  expect(errors[0]?.message).toContain('must be a whole PEM certificate chain');
  writeFileSync(file('cert.pem'), chain);
  await until(() => errors.length === 2, 'error for the key');
  expect(errors[1]?.message).toContain('must be the key of the certificate');
  expect(await seen()).toBe('DNS:n0.example');
  writeFileSync(file('key.pem'), pair(1).key.slice(0, 60));
  await until(() => errors.length === 3, 'error for the half key');
  writeFileSync(file('key.pem'), pair(1).key);
  await until(() => reloads.length === 1, 'reload');
  expect(await seen()).toBe('DNS:n1.example');
});

test('invalid content is reported once, and a deleted file too', async () => {
  write(0);
  const { reload } = serve(file('cert.pem'), file('key.pem'));
  const again = reload.bind(watching);
  writeFileSync(file('key.pem'), pair(2).key);
  await until(() => errors.length === 1, 'error');
  for (let i = 0; i < 3; i++) expect(await again()).toBe(false);
  expect(errors).toHaveLength(1);
  rmSync(file('key.pem'));
  await until(() => errors.length === 2, 'error for the missing file');
  expect(await seen()).toBe('DNS:n0.example');
});

/** Certificates 1 and 2 are served once `put` has put them there. */
async function expectServed(put: (i: number) => void): Promise<void> {
  for (const i of [1, 2]) {
    put(i);
    await until(() => reloads.length === i, 'reload');
    expect(await seen()).toBe(`DNS:n${i}.example`);
  }
}

test('follows certbot’s swapped links', async () => {
  mkdirSync(file('archive'));
  mkdirSync(file('live'));
  const link = (i: number): void => {
    for (const [name, text] of Object.entries(pair(i))) {
      writeFileSync(file(`archive/${name}${i}.pem`), text);
      symlinkSync(`../archive/${name}${i}.pem`, file('live/new'));
      renameSync(file('live/new'), file(`live/${name}.pem`));
    }
  };
  link(0);
  serve(file('live/cert.pem'), file('live/key.pem'));
  await expectServed(link);
});

test('follows Kubernetes’s swapped folder link', async () => {
  const version = (i: number): void => {
    mkdirSync(file(`..v${i}`));
    for (const [name, text] of Object.entries(pair(i))) writeFileSync(file(`..v${i}/${name}.pem`), text);
    symlinkSync(`..v${i}`, file('..data_tmp'));
    renameSync(file('..data_tmp'), file('..data'));
    if (i > 0) rmSync(file(`..v${i - 1}`), { recursive: true });
  };
  version(0);
  for (const name of ['cert.pem', 'key.pem']) symlinkSync(`..data/${name}`, file(name));
  serve(file('cert.pem'), file('key.pem'));
  await expectServed(version);
});

test('polling finds changes that the file system does not report', async () => {
  // The links lead on to a folder that is not watched: only looking again can tell.
  mkdirSync(file('deep'));
  mkdirSync(file('deep/v0'));
  mkdirSync(file('deep/v1'));
  mkdirSync(file('links'));
  for (const i of [0, 1])
    for (const [name, text] of Object.entries(pair(i))) writeFileSync(file(`deep/v${i}/${name}.pem`), text);
  symlinkSync('v0', file('deep/now'));
  for (const name of ['cert.pem', 'key.pem']) symlinkSync(`../deep/now/${name}`, file(`links/${name}`));
  serve(file('links/cert.pem'), file('links/key.pem'), 50);
  symlinkSync('v1', file('deep/next'));
  renameSync(file('deep/next'), file('deep/now'));
  await until(() => reloads.length === 1, 'reload');
  expect(await seen()).toBe('DNS:n1.example');
});

test('a folder that can no longer be watched is polled, and watched again later', async () => {
  write(0);
  watchers.length = 0;
  serve(file('cert.pem'), file('key.pem'), 50);
  const [watcher] = watchers;
  if (watcher === undefined) throw new Error('nothing is watched');
  const closed = vi.spyOn(watcher, 'close');
  watcher.emit('error', new Error('no more watches'));
  expect(closed).toHaveBeenCalledOnce();
  await until(() => watchers.length === 2, 'watched again');
  write(1);
  await until(() => reloads.length === 1, 'reload');
  expect(await seen()).toBe('DNS:n1.example');
});

test('by default it polls every 30 s, and waits 200 ms after a change', async () => {
  write(0);
  watchers.length = 0;
  const [intervals, timeouts] = [vi.spyOn(globalThis, 'setInterval'), vi.spyOn(globalThis, 'setTimeout')];
  watching = watchCertificate(server, { cert: file('cert.pem'), key: file('key.pem') });
  watchers[0]?.emit('change', 'rename', 'cert.pem');
  expect([intervals.mock.calls.at(-1)?.[1], timeouts.mock.calls.at(-1)?.[1]]).toEqual([30_000, 200]);
  vi.restoreAllMocks();
});

test('a process may end although it watches', () => {
  write(0);
  watchers.length = 0;
  const timers = [vi.spyOn(globalThis, 'setInterval'), vi.spyOn(globalThis, 'setTimeout')];
  serve(file('cert.pem'), file('key.pem'));
  watchers[0]?.emit('change', 'rename', 'cert.pem');
  expect(watchOptions.at(-1)).toEqual({ persistent: false });
  expect(timers.map(({ mock }) => mock.results.at(-1)?.value.hasRef())).toEqual([false, false]);
  vi.restoreAllMocks();
});

test('the files are read once they have stood still for as long as asked', () => {
  write(0);
  watchers.length = 0;
  const reload = vi.spyOn(serve(file('cert.pem'), file('key.pem')), 'reload').mockResolvedValue(false);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  watchers[0]?.emit('change', 'change', 'cert.pem');
  vi.advanceTimersByTime(20);
  watchers[0]?.emit('change', 'change', 'key.pem');
  vi.advanceTimersByTime(29);
  expect(reload).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(reload).toHaveBeenCalledOnce();
  vi.useRealTimers();
});

test('a poll that finds the same folders keeps its watches', async () => {
  write(0);
  watchers.length = 0;
  const watch = serve(file('cert.pem'), file('key.pem'));
  const { length } = watchers;
  await watch.reload();
  expect([length > 0, watchers.length]).toEqual([true, length]);
});

test('an invalid pair at the start throws, and nothing happens after close', async () => {
  write(0);
  writeFileSync(file('key.pem'), pair(1).key);
  expect(() => serve(file('cert.pem'), file('key.pem'))).toThrow(/must be the key of the certificate/);
  expect(() => serve(file('none.pem'), file('key.pem'))).toThrow(/ENOENT/);
  write(0);
  const closed = serve(file('cert.pem'), file('key.pem'));
  closed.close();
  write(1);
  expect(await closed.reload()).toBe(false);
  expect(await seen()).toBe('DNS:n0.example');
});

test('a missing file is reported once, and again after it existed', async () => {
  // It is asked to look: what its watchers see comes late.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  write(0);
  const watching = serve(file('cert.pem'), file('key.pem'));
  for (let missing = 1; missing <= 2; missing++) {
    rmSync(file('key.pem'));
    for (let i = 0; i < 3; i++) expect(await watching.reload()).toBe(false);
    expect(errors.map(({ message }) => /ENOENT/.test(message))).toEqual(Array(missing).fill(true));
    write(missing);
    expect(await watching.reload()).toBe(true);
  }
  expect(reloads.map(({ names }) => names)).toEqual(['DNS:n1.example', 'DNS:n2.example']);
  vi.useRealTimers();
});

test('a certificate without alternative names is named by its subject', () => {
  write(3);
  expect(serve(file('cert.pem'), file('key.pem')).certificate.names).toBe('CN=n3.example');
});

test('a read in progress at close is not reported', async () => {
  write(0);
  const watching = serve(file('cert.pem'), file('key.pem'));
  const reloading = watching.reload();
  watching.close();
  rmSync(file('key.pem'));
  expect([await reloading, errors]).toEqual([false, []]);
});

test('a key with a passphrase uses the context’s, at the start and later', async () => {
  const passphrase = 'between us';
  const sealed = (i: number) =>
    createPrivateKey(pair(i).key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
  write(0);
  writeFileSync(file('key.pem'), sealed(0));
  const options = { cert: file('cert.pem'), key: file('key.pem') };
  expect(() => watchCertificate(server, options)).toThrow();
  watching = watchCertificate(server, { ...options, context: { passphrase } });
  expect(await seen()).toBe('DNS:n0.example');
  write(1);
  writeFileSync(file('key.pem'), sealed(1));
  await watching.reload();
  expect(await seen()).toBe('DNS:n1.example');
});
