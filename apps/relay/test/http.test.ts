import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { temporaryFolder } from '@sws/testing/relay-process';
import { describe, expect, test } from 'vitest';
import { readMetrics } from '../src/admin-socket.js';
import type { RelayOptions } from '../src/index.js';
import { contentSecurityPolicy } from '../src/security-headers.js';
import { useRelays } from './started-relays.js';

const { start } = useRelays();

const get = (url: string): Promise<Response> => fetch(url);
const textOf = async (url: string): Promise<string> => (await get(url)).text();

describe('pages', () => {
  test('every response has the security headers', async () => {
    const relay = await start();
    for (const path of ['', 'healthz', 'readyz', 'metrics', 'nothing/here', '7'.repeat(64), 'icon.svg']) {
      const { headers } = await get(`${relay.url}${path}`);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy, path).toContain("default-src 'self'");
      expect(policy, path).not.toContain("'unsafe");
      expect(policy, path).toContain("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('referrer-policy'), path).toBe('no-referrer');
    }
    const posted = await fetch(relay.url, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(posted.headers.get('x-frame-options')).toBe('DENY');
  });

  test('a connection is kept for 5 s and 1,000 requests, however long a request may take', async () => {
    const relay = await start({ handshakeTimeoutMs: 60_000 });
    expect((await get(relay.url)).headers.get('keep-alive')).toBe('timeout=5, max=1000');
  });

  test('the chat page has no inline script or style', async () => {
    const html = await textOf((await start()).url);
    expect(html).toContain('<div id="app">');
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=/i);
  });

  test('without the chat page the relay says what it is, and serves its health', async () => {
    const relay = await start({ chat: false });
    const page = await get(relay.url);
    expect([page.status, await page.text()]).toEqual([404, expect.stringContaining('An SWS relay')]);
    expect(await textOf(`${relay.url}healthz`)).toBe('ok\n');
    expect((await get(`${relay.url}readyz`)).status).toBe(200);
  });

  test('a page connects to its own relay, whatever the Host header', () => {
    const connectSrc = (host: string | undefined, hosts: string[] | null) =>
      /connect-src [^;]*/.exec(contentSecurityPolicy(host, hosts))?.[0];
    expect(connectSrc('relay.example', ['relay.example'])).toBe(
      "connect-src 'self' ws://relay.example wss://relay.example",
    );
    expect(connectSrc('relay.example:8443', ['relay.example:8443'])).toContain('wss://relay.example:8443');
    expect(connectSrc('localhost:8787', null)).toBe("connect-src 'self' ws://localhost:8787 wss://localhost:8787");
    for (const host of ['evil.example', 'relay.example;script-src *', "relay.example 'unsafe-inline'", '', undefined])
      expect(connectSrc(host, ['relay.example'])).toBe("connect-src 'self'");
  });
});

describe('metrics', () => {
  test('count events, and have no key or address as a label', async () => {
    const relay = await start({ chat: false });
    const [alice, bob] = [Identity.generate(randomBytes), Identity.generate(randomBytes)];
    const receiver = new Endpoint(relay.url, { identity: bob });
    receiver.addEventListener('message', () => {});
    await expect.poll(() => receiver.state).toBe('registered');
    const sender = new Endpoint(relay.url, { identity: alice });
    await sender.send(bob.publicKey, 'hello');
    const offline = sender.connect(Identity.generate(randomBytes).publicKey);
    await new Promise((resolve) => offline.addEventListener('close', resolve));
    await get(`${relay.url}`); // a WebSocket without the subprotocol is refused
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
    await fetch(relay.url, { headers: upgrade }).catch(() => {});
    const text = await textOf(`${relay.url}metrics`);
    const value = (name: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    expect(value('sws_registered_keys')).toBe(2);
    expect(value('sws_connections')).toBe(2);
    expect(value('sws_registrations_total{result="registered"}')).toBe(2);
    expect(value('sws_routed_messages_total')).toBeGreaterThan(3);
    expect(value('sws_received_bytes_total')).toBeGreaterThan(1_000);
    expect(value('sws_undeliverable_total{reason="offline"}')).toBeGreaterThan(0);
    expect(value('sws_draining')).toBe(0);
    expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0);
    for (const key of [alice.publicKey, bob.publicKey, relay.serverKey]) expect(text).not.toContain(key.slice(0, 8));
    expect(text).not.toContain('127.0.0.1');
    await Promise.all([sender.close(), receiver.close()]);
  });

  test('registration failures are counted by reason', async () => {
    const access = { allows: () => false, onchange: null };
    const relay = await start({ chat: false, access });
    const endpoint = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
    await expect.poll(() => endpoint.state).toBe('down');
    const text = await textOf(`${relay.url}metrics`);
    expect(text).toContain('sws_registrations_total{result="forbidden"} 1');
    expect(text).toContain('sws_refusals_total{reason="forbidden"} 1');
    await endpoint.close();
  });

  test('are served only at their own address, if one is set', async () => {
    const relay = await start({ chat: false, metricsListen: { host: '127.0.0.1', port: 0 } });
    const aside = `http://127.0.0.1:${relay.metricsPort}`;
    expect(await textOf(`${aside}/metrics`)).toContain('sws_connections 0');
    expect((await get(`${aside}/readyz`)).status).toBe(200);
    expect((await get(`${relay.url}metrics`)).status).toBe(404);
    const none = await start({ chat: false, metrics: false });
    expect((await get(`${none.url}metrics`)).status).toBe(404);
  });

  test('are the same text on the admin socket', async () => {
    const folder = temporaryFolder();
    const relay = await start({ chat: false, admin: folder.path('admin') });
    const firstLine = (text: string): string | undefined => text.split('\n')[0];
    const text = await readMetrics(folder.path('admin'));
    folder.remove();
    expect(firstLine(text)).toMatch(/^# HELP sws_/);
    expect(firstLine(text)).toBe(firstLine(await textOf(`${relay.url}metrics`)));
  });

  test('at an address of their own are not said to be served by HTTPS', async () => {
    const relay = await start({ chat: false, metricsListen: { host: '127.0.0.1', port: 0 } });
    const { headers } = await get(`http://127.0.0.1:${relay.metricsPort}/metrics`);
    expect(headers.get('strict-transport-security')).toBeNull();
  });

  test('the Grafana dashboard uses existing metrics', async () => {
    const file = fileURLToPath(new URL('../../../deploy/grafana-dashboard.json', import.meta.url));
    const dashboard: { panels: { title: string; targets?: { expr: string }[] }[] } = JSON.parse(
      readFileSync(file, 'utf8'),
    );
    const nats = fakeNats();
    const relay = await start({ chat: false, nats });
    const text = await textOf(`${relay.url}metrics`);
    const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const labels = new Set([...text.matchAll(/[{,]([a-z_]+)=/g)].map(([, label]) => label));
    const asked = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(asked.length).toBeGreaterThan(10);
    for (const expr of asked) {
      const names = expr.match(/\b(sws|process|nodejs)_[a-z0-9_]+/g) ?? [];
      expect(names.length, expr).toBeGreaterThan(0);
      for (const name of names) expect([...known], `${name} in ${expr}`).toContain(name);
      for (const [, list = ''] of expr.matchAll(/by \(([^)]*)\)/g))
        for (const label of list.split(/,\s*/)) expect(['instance', ...labels], expr).toContain(label);
    }
  });
});

function fakeNats(): NonNullable<RelayOptions['nats']> {
  const undeliverable = { offline: 0, congested: 0, 'message-too-large': 0, forbidden: 0 };
  const counters = { published: 0, publishedBytes: 0, received: 0, receivedBytes: 0, undeliverable, disconnects: 0 };
  const rest = { reconnects: 0, unconfirmedBytes: 0, errors: 0, malformed: 0, termTimeouts: 0 };
  return {
    counters: { ...counters, ...rest },
    connected: true,
    unconfirmedBytes: 0,
    maxMessageBytes: 1_048_576,
    close: async () => {},
    join: () => {
      throw new Error('not used');
    },
  };
}
