// Why a relay can't be reached, by name, and how it is reached where the network has a proxy and a CA of its own.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { SwsError } from '@sws/crypto';
import { Router } from '@sws/router';
import { serveUpgrades } from '@sws/server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ClientSecureWebSocket, Endpoint, type NetworkOptions, type SecureErrorEvent } from '../src/index.js';
import { event, newIdentity, relayIdentity } from './relay.js';

const folder = mkdtempSync(join(tmpdir(), 'sws-network-'));
const path = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(path(name), 'utf8');
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
beforeAll(() => {
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...ec, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=our own CA');
  writeFileSync(path('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  for (const name of ['relay', 'client']) {
    openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  }
});

/** A relay behind TLS with a certificate of our own CA; the headers and certificates of clients that were let in. */
async function privateRelay(): Promise<{
  url: string;
  seen: { headers: IncomingHttpHeaders; subject: string | undefined }[];
}> {
  const tls = { cert: read('relay.pem'), key: read('relay.key'), ca: read('ca.pem') };
  const server = createHttps({ ...tls, requestCert: true, rejectUnauthorized: false });
  const router = new Router();
  const seen: { headers: IncomingHttpHeaders; subject: string | undefined }[] = [];
  serveUpgrades(server, {
    identity: relayIdentity,
    authorize({ request }) {
      const subject = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
      seen.push({ headers: request.headers, subject: Array.isArray(subject) ? subject[0] : subject });
      return true;
    },
    admit: (...client) => router.admit(...client),
    onSocket: (socket) => router.add(socket),
  });
  return { url: await listening(server, 'wss', () => router.close()), seen };
}

async function listening(server: ReturnType<typeof createServer>, scheme: string, stop?: () => void): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    stop?.();
    server.closeAllConnections();
    server.close();
  });
  return `${scheme}://localhost:${(server.address() as AddressInfo).port}/`;
}

/** How an attempt fails: as the endpoint's state and as a socket's error. */
async function failureAt(
  relay: string,
  network?: NetworkOptions,
): Promise<{ code: string; detail: string; cause: unknown }> {
  const options = { identity: newIdentity(), ...(network === undefined ? {} : { network }) };
  const endpoint = new Endpoint(relay, options);
  stops.push(() => endpoint.close());
  const { failure } = await new Promise<{ failure: { code: string; detail: string; cause?: unknown } | null }>(
    (resolve) => endpoint.addEventListener('state', (change) => change.failure !== null && resolve(change)),
  );
  const socket = new ClientSecureWebSocket(`${relay}${newIdentity().publicKey}`, [], {
    ...options,
    identity: newIdentity(),
  });
  const { code, message } = await event<SecureErrorEvent>(socket, 'error');
  expect([code, message]).toEqual([failure?.code, failure?.detail]);
  return { code, detail: message, cause: failure?.cause };
}

async function registers(relay: string, network: NetworkOptions): Promise<void> {
  const endpoint = new Endpoint(relay, { identity: newIdentity(), network });
  stops.push(() => endpoint.close());
  await endpoint.registered;
}

describe('an unreachable relay’s error has a code', () => {
  test('an unknown name', async () => {
    const { code, detail, cause } = await failureAt('ws://relay.invalid/');
    expect([code, detail]).toEqual([
      'dns',
      expect.stringMatching(/^relay\.invalid (was not found|could not be looked up) \(E/),
    ]);
    expect(cause).toMatchObject({ syscall: 'getaddrinfo' });
  });

  test('a port where nobody listens', async () => {
    expect(await failureAt('ws://127.0.0.1:1/')).toMatchObject({
      code: 'relay-refused',
      detail: '127.0.0.1:1 refused the connection: nothing listens there (ECONNREFUSED)',
    });
  });

  test('a server that closes without answering', async () => {
    const server = createTcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stops.push(() => server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await failureAt(`ws://${host}/`)).toMatchObject({
      code: 'unreachable',
      detail: `${host} closed the connection before it answered (ECONNRESET); check ws://${host}/, its scheme and path`,
    });
  });

  test.each([
    [404, {}, 'answered with HTTP status 404, which is not a relay’s answer'],
    [
      301,
      { location: 'https://elsewhere.example/' },
      'answered with HTTP status 301, to https://elsewhere.example/, which',
    ],
    [503, {}, 'answered with HTTP status 503, which is not a relay’s answer'],
  ])('HTTP status %i', async (status, headers, detail) => {
    const url = await listening(
      createServer((_, response) => response.writeHead(status, headers).end()),
      'ws',
    );
    expect(await failureAt(url)).toMatchObject({ code: 'http-status', detail: expect.stringContaining(detail) });
  });

  test('an untrusted certificate, and no TLS', async () => {
    const { url } = await privateRelay();
    const untrusted = await failureAt(url);
    expect(untrusted).toMatchObject({
      code: 'tls',
      detail: expect.stringMatching(
        /^localhost:\d+ has a certificate that is not trusted \(SELF_SIGNED_CERT_IN_CHAIN\)/,
      ),
    });
    expect(untrusted.cause).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    const plain = await listening(createServer(), 'wss');
    expect((await failureAt(plain)).code).toBe('tls');
  });

  test('a failure that is retried is printed once if nobody listens', async () => {
    const { url } = await privateRelay();
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    stops.push(() => process.off('warning', note));
    const endpoint = new Endpoint(url, { identity: newIdentity() });
    stops.push(() => endpoint.close());
    await expect.poll(() => warnings.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(warnings[0]).toMatchObject({
      name: 'SwsWarning',
      code: 'tls',
      message: expect.stringContaining('SWS tries again'),
    });
  });
});

describe('network', () => {
  test('a private CA, a client certificate and headers', async () => {
    const { url, seen } = await privateRelay();
    const headers = { 'X-Gate': 'open' };
    await registers(url, { ca: read('ca.pem'), cert: read('client.pem'), key: read('client.key'), headers });
    expect(seen).toEqual([{ headers: expect.objectContaining({ 'x-gate': 'open' }), subject: 'client' }]);
  });

  test('an invalid proxy throws', async () => {
    expect((await failureAt('ws://127.0.0.1:1/', { proxy: 'socks5://127.0.0.1:1' })).detail).toBe(
      'TypeError: network.proxy must be an http or https URL',
    );
  });
});

const hasTinyproxy = spawnSync('tinyproxy', ['-v']).status === 0;

describe.skipIf(!hasTinyproxy)('through tinyproxy, with a password (skipped where there is no tinyproxy)', () => {
  let proxy: string;
  let child: ChildProcess;
  beforeAll(async () => {
    const holder = createTcp().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await new Promise((resolve) => holder.close(resolve));
    writeFileSync(
      path('tinyproxy.conf'),
      `Port ${port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth ada secret\nLogFile "${path('proxy.log')}"\nLogLevel Connect\nMaxClients 20\n`,
    );
    child = spawn('tinyproxy', ['-d', '-c', path('tinyproxy.conf')], { stdio: 'ignore' });
    proxy = `http://ada:secret@127.0.0.1:${port}`;
    for (;;) {
      const socket = connect(port, '127.0.0.1');
      const up = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'close').then(() => false),
      ]).catch(() => false);
      socket.destroy();
      if (up) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  afterAll(() => void child.kill());
  const variables = ['HTTPS_PROXY', 'NO_PROXY'] as const;
  afterEach(() => {
    for (const name of variables) delete process.env[name];
  });
  /** How often the proxy was asked for this relay. Another test's endpoint may still dial its own. */
  const proxied = (url: string): number =>
    read('proxy.log').split(`CONNECT localhost:${new URL(url).port} `).length - 1;

  test('a relay with a certificate of a private CA', async () => {
    const { url } = await privateRelay();
    await registers(url, { ca: read('ca.pem'), proxy });
    expect(proxied(url)).toBe(1);
    expect((await failureAt(url, { proxy })).code).toBe('tls'); // the relay's, through the tunnel
  });

  test('HTTPS_PROXY and NO_PROXY are used, and `proxy: null` connects directly', async () => {
    const { url } = await privateRelay();
    const ca = read('ca.pem');
    process.env.HTTPS_PROXY = proxy;
    await registers(url, { ca });
    expect(proxied(url)).toBe(1);
    await registers(url, { ca, proxy: null });
    process.env.NO_PROXY = 'localhost';
    await registers(url, { ca });
    expect(proxied(url)).toBe(1);
  });

  test('errors tell a refusing and a missing proxy from the relay', async () => {
    const { url } = await privateRelay();
    const refusing = await failureAt(url, { proxy: proxy.replace('secret', 'guess') });
    expect(refusing).toMatchObject({
      code: 'proxy',
      detail: expect.stringMatching(/the proxy 127\.0\.0\.1:\d+ answered 40[17] .*\(for localhost:\d+\)$/),
    });
    expect(refusing.detail).not.toContain('guess');
    const absent = await failureAt(url, { proxy: 'http://127.0.0.1:1' });
    expect(absent).toMatchObject({
      code: 'proxy',
      detail: expect.stringContaining('could not be used: connect ECONNREFUSED'),
    });
    expect(absent.cause).toBeInstanceOf(Error);
  });
});

test('a rejected promise’s error has its cause', async () => {
  const endpoint = new Endpoint('ws://127.0.0.1:1/', { identity: newIdentity() });
  stops.push(() => endpoint.close());
  const error = await endpoint.send(newIdentity().publicKey, 'x').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SwsError);
  expect(error).toMatchObject({ code: 'relay-refused' });
});
