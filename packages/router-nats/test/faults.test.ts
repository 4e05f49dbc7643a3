import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, nkeys } from '@nats-io/transport-node';
import { makeCertificate } from '@sws/testing/certificate';
import { freePort } from '@sws/testing/free-port';
import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { afterEach, describe, expect, test } from 'vitest';
import { type NatsBackplane, type NatsBackplaneOptions, type NatsEvent, natsBackplane } from '../src/index.js';
import { MAX_UNCONFIRMED_BYTES } from '../src/publish-window.js';
import { RecordingNode } from './recording-node.js';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);
const PATIENCE = { timeout: 10_000, interval: 10 };
const folder = mkdtempSync(join(tmpdir(), 'sws-nats-'));
const cleanup: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];

afterEach(async () => {
  for (const undo of cleanup.splice(1).reverse()) await undo();
});

async function natsServer(config = ''): Promise<NatsServer> {
  const file = join(folder, 'nats.conf');
  writeFileSync(file, config);
  const server = await NatsServer.start(config === '' ? [] : ['-c', file]);
  cleanup.push(() => server.stop('SIGKILL'));
  return server;
}

async function open(url: string, options: NatsBackplaneOptions = {}): Promise<NatsBackplane> {
  const end = await natsBackplane({ ...options, connection: { servers: url, ...options.connection } });
  cleanup.push(() => end.close());
  return end;
}

async function twoNodes(server: NatsServer) {
  const [one, two] = [await open(server.url), await open(server.url)];
  return { one, two, a: new RecordingNode('a', one), b: new RecordingNode('b', two) };
}

const numbered = (i: number, bytes = 100): Uint8Array => {
  const message = new Uint8Array(bytes);
  message.set(Buffer.from(A, 'hex'), 1);
  new DataView(message.buffer).setUint32(33, i);
  return message;
};
const numberOf = (message: Uint8Array): number => new DataView(message.buffer, message.byteOffset).getUint32(33);

const LAST = 4_000_000_000;

/** Publishes until one arrives, so subscriptions are where they should be; then waits for all that it published. */
async function reach(from: RecordingNode, to: RecordingNode, key: string): Promise<void> {
  to.messages.length = 0;
  await expect
    .poll(() => {
      if (to.messages.length === 0) from.link.publish(key, A, numbered(0));
      return to.messages.length;
    }, PATIENCE)
    .toBeGreaterThan(0);
  from.link.publish(key, A, numbered(LAST));
  await expect.poll(() => to.messages.map(numberOf).at(-1), PATIENCE).toBe(LAST);
}

describe.skipIf(!hasNatsServer)('NATS in trouble (skipped where nats-server is not installed)', () => {
  test('a lost NATS connection refuses messages, and after it keys are found and claims settled', async () => {
    const server = await natsServer();
    const events: NatsEvent[] = [];
    const [one, two] = [await open(server.url, { onEvent: (event) => events.push(event) }), await open(server.url)];
    const [a, b] = [new RecordingNode('a', one), new RecordingNode('b', two)];
    b.hold(B, 1);
    await reach(a, b, B);
    await server.stop('SIGKILL');
    await expect.poll(() => one.connected || two.connected, PATIENCE).toBe(false);
    expect(a.link.publish(B, A, numbered(1))).toBe('congested');
    expect(await a.link.highestTerm(B)).toBe(0); // at once: registering does not wait for NATS
    a.hold(A, 1);
    b.hold(A, 2); // nobody hears these
    b.hold('c3'.repeat(32), 1);
    expect(one.counters.undeliverable.congested).toBe(1);
    await server.start();
    await expect.poll(() => one.connected && two.connected, PATIENCE).toBe(true);
    await expect.poll(() => [a.own.has(A), b.own.has(A)], PATIENCE).toEqual([false, true]);
    await reach(a, b, B);
    await reach(a, b, 'c3'.repeat(32)); // claimed while NATS was away
    // A node that has not come back yet is not offline.
    a.undelivered.length = 0;
    a.link.publish('d4'.repeat(32), A, numbered(1));
    await expect.poll(() => a.undelivered, PATIENCE).toEqual(['congested']);
    expect(one.counters).toMatchObject({ disconnects: 1, reconnects: 1 });
    expect(events.map(({ type }) => type)).toEqual(['disconnected', 'reconnected']);
  });

  test('a stalled NATS gets at most 16 MiB, delivered in order once it resumes', async () => {
    const server = await natsServer();
    const { one, a, b } = await twoNodes(server);
    b.hold(B, 1);
    await reach(a, b, B);
    b.messages.length = 0;
    server.signal('SIGSTOP');
    cleanup.push(() => server.signal('SIGCONT'));
    let taken = 0;
    let refused = 0;
    for (let i = 0; i < 1_000; i++) {
      if (a.link.publish(B, A, numbered(taken, 65_536)) === null) taken++;
      else refused++;
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(refused).toBeGreaterThan(0);
    expect(one.unconfirmedBytes).toBeLessThanOrEqual(MAX_UNCONFIRMED_BYTES);
    expect(one.counters.undeliverable.congested).toBe(refused);
    server.signal('SIGCONT');
    await expect.poll(() => b.messages.length, PATIENCE).toBe(taken);
    expect(b.messages.map(numberOf)).toEqual(Array.from({ length: taken }, (_, i) => i));
    await expect.poll(() => a.link.publish(B, A, numbered(0)), PATIENCE).toBe(null);
    await expect.poll(() => one.unconfirmedBytes, PATIENCE).toBeLessThan(1_048_576);
  });

  test('a node that NATS disconnects as a slow consumer reconnects and counts it', async () => {
    const monitor = await freePort();
    const server = await natsServer(`max_pending: 2MB\nwrite_deadline: "1s"\nhttp: "127.0.0.1:${monitor}"\n`);
    const slowConsumers = async (): Promise<number> =>
      (await (await fetch(`http://127.0.0.1:${monitor}/varz`)).json()).slow_consumers;
    const pipe = await StoppablePipe.to(server.port);
    cleanup.push(() => pipe.close());
    const [one, two] = [await open(server.url), await open(pipe.url)];
    const [a, b] = [new RecordingNode('a', one), new RecordingNode('b', two)];
    b.hold(B, 1);
    await reach(a, b, B);
    pipe.stop();
    await expect
      .poll(() => {
        for (let i = 0; i < 50; i++) a.link.publish(B, A, numbered(i, 65_536));
        return slowConsumers();
      }, PATIENCE)
      .toBe(1);
    expect(two.counters.disconnects).toBe(0); // it has not been able to notice
    pipe.go();
    await expect.poll(() => two.counters.reconnects, PATIENCE).toBe(1);
    expect(two.counters.disconnects).toBe(1);
    expect(one.counters.disconnects).toBe(0);
    await reach(a, b, B);
  });

  test('15,000 keys are cheap to claim, and are found again after a restart of NATS', async () => {
    const server = await natsServer();
    const { one, two, a, b } = await twoNodes(server);
    const keys = Array.from({ length: 15_000 }, (_, i) => i.toString(16).padStart(4, '0').repeat(16));
    const cpu = process.cpuUsage();
    for (const key of keys) b.hold(key, 1);
    const { user, system } = process.cpuUsage(cpu);
    // A tenth of this is usual; it would be seconds if a claim cost more with each key held.
    expect((user + system) / keys.length).toBeLessThan(200); // microseconds of CPU each
    const last = keys.at(-1) ?? '';
    await reach(a, b, keys[0] ?? '');
    await server.stop('SIGKILL');
    await expect.poll(() => one.connected || two.connected, PATIENCE).toBe(false);
    await server.start();
    await expect.poll(() => one.connected && two.connected, PATIENCE).toBe(true);
    await reach(a, b, last); // the last to be subscribed to again
    b.messages.length = 0;
    a.undelivered.length = 0;
    keys.forEach((key, i) => {
      a.link.publish(key, A, numbered(i));
    });
    await expect.poll(() => b.messages.length, PATIENCE).toBe(keys.length);
    expect(a.undelivered).toEqual([]);
    for (const key of keys) b.link.release(key);
    await expect
      .poll(() => {
        a.link.publish(last, A, numbered(1));
        return a.undelivered.length;
      }, PATIENCE)
      .toBeGreaterThan(0);
  });

  test('a large MESSAGE waiting for a slow receiver retains only its own bytes', async () => {
    const server = await natsServer();
    const { a, b } = await twoNodes(server);
    b.hold(B, 1);
    await reach(a, b, B);
    b.messages.length = 0;
    for (let i = 0; i < 16; i++) a.link.publish(B, A, new Uint8Array(8_192));
    await expect.poll(() => b.messages.length, PATIENCE).toBe(16);
    for (const message of b.messages) expect(message.buffer.byteLength).toBe(8_192);
  });

  test('a MESSAGE larger than max_payload is refused as message-too-large', async () => {
    const server = await natsServer('max_payload: 100000\n');
    const end = await open(server.url);
    expect(end.maxMessageBytes).toBe(100_000);
    const { link } = new RecordingNode('a', end);
    expect(link.publish(B, A, new Uint8Array(100_001))).toBe('message-too-large');
    expect(link.publish(B, A, new Uint8Array(100_000))).toBe(null);
    expect(end.counters.undeliverable['message-too-large']).toBe(1);
  });

  test('malformed NATS messages are dropped and counted', async () => {
    const server = await natsServer();
    const { two, a, b } = await twoNodes(server);
    b.hold(B, 7);
    await reach(a, b, B);
    const stranger = await connect({ servers: server.url });
    cleanup.push(() => stranger.close());
    const claims = ['', '{', '[]', 'null', '{"term":1}', '{"term":1e300,"nodeId":"z","connectionId":1}'];
    const wrong: [string, string][] = [
      ...claims.map((text): [string, string] => [`sws.key.${B}.claim`, text]),
      [`sws.key.${B}.claim`, JSON.stringify({ term: '9', nodeId: 'z', connectionId: 1 })],
      [`sws.key.${B}.claim`, JSON.stringify({ term: 9, nodeId: 'z'.repeat(2_000), connectionId: 1 })],
      [`sws.key.${B}.message`, 'short'],
      [`sws.key.${B}.unheard-of`, ''],
      ['sws.node.b.batch', ''],
      ['sws.node.b.batch', 'what is no record'],
      [`sws.node.b.${A}.${B}.00`, `here ${'z'.repeat(300)}`],
      ['sws.node.b.batch.1', 'what NATS does not say'],
      [`sws.node.b.${A}.${B}.zz`, 'offline'],
      [`sws.node.b.${A}.${B}.00`, 'because'],
      ['sws.gone', 'nobody'],
      ['sws.gone', `${A} soon`],
    ];
    for (const [subject, text] of wrong) stranger.publish(subject, text);
    stranger.publish(`sws.key.${B}.term`); // no reply subject: nobody to tell
    await stranger.flush();
    await expect.poll(() => two.counters.malformed, PATIENCE).toBe(wrong.length);
    expect(two.counters.errors).toBe(0);
    expect(b.own.get(B)?.term).toBe(7);
    await reach(a, b, B);
  });

  test('a silent holder delays a registration by at most a second', async () => {
    const server = await natsServer();
    const end = await open(server.url);
    const { link } = new RecordingNode('a', end);
    const mute = await connect({ servers: server.url });
    cleanup.push(() => mute.close());
    mute.subscribe(`sws.key.${B}.*`, { callback: () => {} });
    await mute.flush();
    expect(await link.highestTerm(B)).toBe(0);
    expect(end.counters.termTimeouts).toBe(1);
  });

  test('TLS options are passed on: an untrusted certificate is refused', async () => {
    const own = join(folder, 'own');
    makeCertificate(own, 'localhost');
    const [cert, key] = [`${own}.cert`, `${own}.key`];
    const server = await natsServer(`tls { cert_file: "${cert}", key_file: "${key}" }\n`);
    await expect(open(server.url)).rejects.toThrow(/certificate/i);
    const end = await open(`nats://localhost:${server.port}`, { connection: { tls: { caFile: cert } } });
    expect(await new RecordingNode('a', end).link.highestTerm(B)).toBe(0);
  });

  test('unreadable credentials leave the last valid ones in use, and a throwing onEvent changes nothing', async () => {
    const server = await natsServer();
    const credentialsFile = join(folder, 'relay.creds');
    const credentials = [
      '-----BEGIN NATS USER JWT-----\ne30.e30.e30\n------END NATS USER JWT------\n',
      `-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(nkeys.createUser().getSeed())}\n------END USER NKEY SEED------\n`,
    ].join('\n');
    writeFileSync(credentialsFile, credentials);
    let told = 0;
    const one = await open(server.url, {
      credentialsFile,
      onEvent: () => {
        told++;
        throw new Error('a log that throws');
      },
    });
    for (const content of [null, '-----BEGIN NATS USER JWT-----\n', credentials]) {
      if (content === null) rmSync(credentialsFile);
      else writeFileSync(credentialsFile, content);
      await server.stop('SIGKILL');
      await expect.poll(() => one.connected, PATIENCE).toBe(false);
      await server.start();
      await expect.poll(() => one.connected, PATIENCE).toBe(true);
    }
    expect([one.counters.disconnects, one.counters.reconnects, told]).toEqual([3, 3, 6]);
    expect(one.counters.errors).toBe(6);
    rmSync(credentialsFile);
    await expect(open(server.url, { credentialsFile })).rejects.toThrow(/ENOENT/);
  });

  test('user and password are passed on; wrong ones are reported, and permission errors counted', async () => {
    const server = await natsServer(`authorization {
      users = [
        { user: relay, password: secret, permissions: { publish: "sws.>", subscribe: "sws.>" } }
        { user: other, password: secret, permissions: { publish: "none", subscribe: "sws.>" } }
      ]
    }`);
    await expect(open(server.url, { connection: { user: 'relay', pass: 'wrong' } })).rejects.toThrow(/authorization/i);
    const [one, two] = [
      await open(server.url, { connection: { user: 'relay', pass: 'secret' } }),
      await open(server.url, { connection: { user: 'relay', pass: 'secret' } }),
    ];
    const [a, b] = [new RecordingNode('a', one), new RecordingNode('b', two)];
    b.hold(B, 3);
    await reach(a, b, B);
    expect(await a.link.highestTerm(B)).toBe(3); // the inbox of requests lies under the same prefix
    const events: NatsEvent[] = [];
    const mute = await open(server.url, {
      connection: { user: 'other', pass: 'secret' },
      onEvent: (event) => events.push(event),
    });
    const { link } = new RecordingNode('c', mute);
    link.publish(B, A, numbered(1));
    await expect.poll(() => events.map(({ detail }) => detail).join(), PATIENCE).toMatch(/permissions violation/i);
    expect(mute.counters.errors).toBeGreaterThan(0);
  });
});

/** A TCP connection to NATS that can stop reading, as a node whose event loop is busy does. */
class StoppablePipe {
  readonly url: string;
  readonly #close: () => void;
  readonly #pairs: { inner: Socket; outer: Socket }[];

  private constructor(port: number, pairs: { inner: Socket; outer: Socket }[], close: () => void) {
    this.url = `nats://127.0.0.1:${port}`;
    this.#pairs = pairs;
    this.#close = close;
  }

  static async to(target: number): Promise<StoppablePipe> {
    const pairs: { inner: Socket; outer: Socket }[] = [];
    const server = createServer((outer) => {
      const inner = dial(target, '127.0.0.1');
      pairs.push({ inner, outer });
      outer.pipe(inner);
      inner.on('data', (chunk) => outer.write(chunk));
      inner.on('error', () => {});
      outer.on('error', () => {});
      inner.on('close', () => outer.destroy());
      outer.on('close', () => inner.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    return new StoppablePipe(port, pairs, () => server.close());
  }

  stop(): void {
    for (const { inner } of this.#pairs) inner.pause();
  }
  go(): void {
    for (const { inner } of this.#pairs) inner.resume();
  }
  close(): void {
    this.#close();
    for (const { inner, outer } of this.#pairs) {
      inner.destroy();
      outer.destroy();
    }
  }
}
