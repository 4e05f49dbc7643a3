import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeFrame, encodeMessage } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { SUBPROTOCOL } from '../src/index.js';
import { Client, registered, respond } from './client.js';
import { frameOf, RawClient, TEXT } from './raw-client.js';

interface State {
  readonly accepted: number;
  readonly registered: number;
  readonly pauses: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly written: number;
  readonly receivedFrames: number;
}

interface Adapter {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly canPause: boolean;
  /** Whether every close code reaches the client; Deno lets a server use some only. */
  readonly allCodes: boolean;
  /** Whether the library tells of pings and pongs. */
  readonly tellsPings: boolean;
}

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
/** Fetched by `pnpm test:runtimes`; not a dependency. */
const runtime = (name: string): string => path(`../../../.cache/runtimes/${name}/node_modules/.bin/${name}`);
const node = { program: process.execPath, args: [] };
const adapters: readonly Adapter[] = [
  { name: 'ws', ...node, canPause: true, allCodes: true, tellsPings: true },
  { name: 'uws', ...node, canPause: false, allCodes: true, tellsPings: true },
  { name: 'bun', program: runtime('bun'), args: [], canPause: false, allCodes: true, tellsPings: true },
  {
    name: 'deno',
    program: runtime('deno'),
    args: ['run', '--allow-all'],
    canPause: false,
    allCodes: false,
    tellsPings: false,
  },
];

const identity = () => Identity.generate(randomBytes, nodeProvider);
const peer = identity();
const textOf = (frame: string | Buffer): string =>
  typeof frame === 'string' ? frame : frame.subarray(MESSAGE_HEAD_BYTES).toString();
const to = (content: Uint8Array | string): Uint8Array =>
  encodeMessage(peer.publicKeyBytes(), typeof content === 'string' ? new TextEncoder().encode(content) : content);

/** The same promises, whichever library carries the sockets. */
describe.each(adapters)('adapter $name', ({ name, program, args, canPause, allCodes, tellsPings }) => {
  // Skipped by name where the runtime is not here: `pnpm test:runtimes bun deno` fetches them.
  const there = existsSync(program);
  let child: ChildProcess;
  let host: string;

  beforeAll(async () => {
    if (!there) return;
    child = spawn(program, [...args, path(`./children/${name}.mjs`)], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (child.stdout === null) throw new Error('no stdout');
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    host = `127.0.0.1:${JSON.parse(String(line)).port}`;
  });
  afterAll(() => void child?.kill('SIGKILL'));

  const state = async (): Promise<State> => (await (await fetch(`http://${host}/state`)).json()) as State;
  const until = async (holds: (now: State) => boolean): Promise<State> => {
    for (const end = Date.now() + 10_000; ; ) {
      const now = await state();
      if (holds(now)) return now;
      if (Date.now() > end) throw new Error(`not within 10 s: ${JSON.stringify(now)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const status = async (protocols: string[], options: ClientOptions = {}): Promise<string> => {
    const socket = new WebSocket(`ws://${host}/`, protocols, options);
    const [error] = await once(socket, 'error');
    return String(error);
  };

  test.skipIf(!there)('messages of any size arrive whole and in order, in both encodings', async () => {
    const client = await registered(host, identity());
    for (const size of [0, 1, 92, 93, 1_000, 8_200, 65_400]) {
      const content = randomBytes(size);
      client.socket.send(to(content));
      expect(new Uint8Array((await client.next()) as Buffer).subarray(33)).toEqual(content);
    }
    for (let i = 0; i < 300; i++) client.socket.send(to(`${i}`.padEnd(i * 10)));
    for (let i = 0; i < 300; i++) expect(Number.parseInt(textOf(await client.next()), 10)).toBe(i);
    const json = await registered(host, identity(), { encoding: 'json' });
    json.socket.send(encodeFrame({ type: 'MESSAGE', to: peer.publicKey, content: Uint8Array.of(1, 2, 3) }));
    expect(JSON.parse(String(await json.next()))).toMatchObject({ type: 'MESSAGE', content: 'AQID' });
    json.socket.send('{"type":"PING","id":7}');
    expect(String(await json.next())).toBe('{"type":"PONG","id":7}');
    for (const { socket } of [client, json]) socket.close();
    await until(({ connections }) => connections === 0);
  });

  test.skipIf(!there)('a refused upgrade is counted by reason', async () => {
    expect(await status(['other.v1'])).toContain('400');
    expect(await status([SUBPROTOCOL], { origin: 'https://evil.example' })).toContain('403');
    const headers = { 'X-Forwarded-For': '203.0.113.9' };
    const pending = [1, 2, 3].map(() => new Client(host, { headers, origin: 'https://page.example' }));
    for (const client of pending) await client.challenge();
    expect(await status([SUBPROTOCOL], { headers })).toContain('503');
    // Another address behind the same proxy has places of its own.
    const other = await registered(host, identity(), {}, { headers: { 'X-Forwarded-For': '203.0.113.10' } });
    for (const { socket } of [...pending, other]) socket.terminate();
    const { refusals } = await until(({ connections }) => connections === 0);
    expect(refusals).toMatchObject({ subprotocol: 1, origin: 1, 'too-many-pending-from-address': 1 });
  });

  test.skipIf(!there)('a refused registration closes with its code', async () => {
    const cases: [string | Uint8Array | null, Parameters<typeof respond>[2], number][] = [
      ['{"type":', {}, 4400],
      [randomBytes(50), {}, 4400],
      [null, { signedNonce: '22'.repeat(64) }, 4401],
      [null, { token: 'evil' }, 4403],
    ];
    for (const [frame, changes, code] of cases) {
      const client = new Client(host);
      const challenge = await client.challenge();
      client.socket.send(frame ?? encodeFrame(respond({ challenge, host }, identity(), changes)));
      expect(JSON.parse(String(await client.next()))).toMatchObject({ type: 'REGISTER_FAILURE', code });
      expect(await client.closed()).toBe(code);
    }
    const { refusals } = await until(({ connections }) => connections === 0);
    expect(refusals).toMatchObject({ 'bad-frame': 2, 'registration-refused': 1, forbidden: 1 });
  });

  test.skipIf(!there)('a huge frame and a garbled one end the connection', async () => {
    const before = (await state()).refusals;
    const twice = await registered(host, identity());
    twice.socket.send(to(new Uint8Array(140_000)));
    expect(await twice.closed()).toBe(allCodes ? 1009 : 1005);
    const huge = await registered(host, identity());
    huge.socket.send(to(new Uint8Array(4_000_000)));
    expect([1005, 1006, 1009]).toContain(await huge.closed());
    const garbled = await registered(host, identity());
    garbled.socket.send(Uint8Array.of(9, 9, 9));
    expect(await garbled.closed()).toBe(4400);
    const { refusals } = await until(({ connections }) => connections === 0);
    expect(refusals['message-too-large']).toBe((before['message-too-large'] ?? 0) + 2);
    expect(refusals['bad-frame']).toBe((before['bad-frame'] ?? 0) + 1);
  });

  test.skipIf(!there || program !== process.execPath)(
    'text that is no UTF-8 ends the connection, and is counted',
    async () => {
      const before = (await state()).refusals['bad-frame'] ?? 0;
      const raw = await RawClient.registered(Number(host.split(':')[1]), identity());
      raw.socket.write(frameOf(TEXT, Buffer.of(0xff)));
      const { refusals } = await until(({ connections }) => connections === 0);
      expect(refusals['bad-frame']).toBe(before + 1);
      raw.socket.destroy();
    },
  );

  test.skipIf(!there)('data received before the router has the socket is kept', async () => {
    const client = await registered(host, identity(), { token: 'late' });
    // The test server takes the socket up only after a while; until then `onmessage` is not set.
    for (let i = 0; i < 5; i++) client.socket.send(to(`${i}`));
    client.socket.send('{"type":"PING","id":1}');
    await client.next();
    client.socket.close();
  });

  test.skipIf(!there)('the relay’s own close arrives with its reason and its code', async () => {
    for (const [word, code] of [
      ['close', 4409],
      ['restart', 1012],
    ] as const) {
      const client = await registered(host, identity());
      client.socket.send(to('before'));
      client.socket.send(to(word));
      expect(textOf(await client.next())).toBe('before');
      expect(JSON.parse(String(await client.next()))).toMatchObject({ type: 'ERROR', code });
      expect(await client.closed()).toBe(allCodes || code > 3000 ? code : 1005);
    }
  });

  test.skipIf(!there)('a client that pauses reading gets everything later, all reported as written', async () => {
    const client = await registered(host, identity());
    const { written } = await state();
    client.socket.pause();
    client.socket.send(to('flood 130'));
    // 7.8 MB do not fit in the kernel's buffers: some must wait in the server.
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.socket.resume();
    for (let i = 0; i < 130; i++) expect((await client.next()).length).toBe(60_000);
    await until((now) => now.written >= written + 130);
    client.socket.close();
  });

  test.skipIf(!there)('a ping is answered', async () => {
    const client = await registered(host, identity());
    client.socket.ping('hello');
    const [data] = await once(client.socket, 'pong');
    expect(String(data)).toBe('hello');
    client.socket.close();
  });

  test.skipIf(!there || !tellsPings)('pings and pongs count as messages', async () => {
    const before = await state();
    const client = await registered(host, identity(), { token: canPause ? 'slow' : 'slower' });
    for (let i = 0; i < 30; i++) {
      client.socket.ping();
      client.socket.pong();
    }
    await until(({ receivedFrames }) => receivedFrames === before.receivedFrames + 60);
    if (canPause) await until(({ pauses }) => pauses > before.pauses);
    client.socket.send(to('behind them'));
    if (canPause) expect(textOf(await client.next())).toBe('behind them');
    else expect(JSON.parse(textOf(await client.next()))).toMatchObject({ type: 'UNDELIVERABLE', code: 'congested' });
    client.socket.close();
  });

  test.skipIf(!there || !canPause)('a sender over its rate is paused, and nothing is lost', async () => {
    const client = await registered(host, identity(), { token: 'slow' });
    for (let i = 0; i < 60; i++) client.socket.send(to(`${i}`));
    for (let i = 0; i < 60; i++) expect(textOf(await client.next())).toBe(`${i}`);
    expect((await state()).pauses).toBeGreaterThan(0);
    client.socket.close();
  });

  test.skipIf(!there || canPause)(
    'a sender over its rate that cannot be paused gets congested, and is closed past 1 MiB',
    async () => {
      const client = await registered(host, identity(), { token: 'slower' });
      for (let i = 0; i < 60; i++) client.socket.send(to(`${i}`));
      const got: (string | Buffer)[] = [];
      while (got.length < 60) got.push(await client.next());
      const told = got.filter((frame) => typeof frame === 'string').map((frame) => JSON.parse(String(frame)));
      expect(told.length).toBeGreaterThan(0);
      expect(told.every(({ type, code }) => type === 'UNDELIVERABLE' && code === 'congested')).toBe(true);
      for (let i = 0; i < 40; i++) client.socket.send(to(new Uint8Array(60_000)));
      // Deno stops reading when it closes; what is still on its way then resets the connection, and the code may be lost.
      expect(allCodes ? [4429] : [4429, 1006]).toContain(await client.closed());
      expect((await state()).refusals).toMatchObject({ 'rate-limited': 1, congested: expect.any(Number) });
    },
  );
});

test('importing one adapter loads no other library', async () => {
  for (const name of ['bun', 'deno', 'uws']) {
    const script = `import '@sws/server/${name}'; process.stdout.write(Object.keys(process.moduleLoadList ?? {}).length + ' ' + [...(await import('node:module')).createRequire(import.meta.url).resolve ? Object.keys((await import('node:module')).default._cache) : []].filter((file) => /node_modules.(ws|@trufflesuite)./.test(file)).join());`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: path('..') });
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    const [code] = await once(child, 'close');
    expect([name, code, out.split(' ')[1]]).toEqual([name, 0, '']);
  }
});
