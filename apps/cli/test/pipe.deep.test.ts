import { createHash, randomBytes } from 'node:crypto';
import { type ConnectionEvent, Endpoint, type SecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes as random } from '@sws/crypto/platform';
import { afterEach, expect, test } from 'vitest';
import { MAIN, useStage } from './sws.js';

const stage = useStage();
const endpoints: Endpoint[] = [];
afterEach(async () => {
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close({ graceMs: 0 })));
});

/** A program of somebody else's: it knows no subprotocol of ours. */
function program(onSocket: (socket: SecureWebSocket) => void = () => {}): Endpoint {
  // It knows no subprotocol.
  const accept = (): object => ({});
  const endpoint = new Endpoint(stage.now.relay.url, { identity: Identity.generate(random), accept });
  endpoints.push(endpoint);
  endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => onSocket(socket));
  return endpoint;
}

test.each([500_000, 12_000_000])(
  'listen and connect carry a random file of %i bytes unchanged, both ways',
  async (size) => {
    const file = randomBytes(size);
    const answer = randomBytes(1_000);
    const listener = stage.now.sws('listen', '--ephemeral', '--accept-all');
    const address = await listener.says(/listening as ([0-9a-f]{64})/);
    listener.child.stdin.end(answer);
    const connector = stage.now.sws('connect', stage.now.relay.url + address, '--ephemeral');
    connector.child.stdin.end(file);
    expect(await connector.exit).toBe(0);
    expect(await listener.exit).toBe(0);
    const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(sha(listener.bytes)).toBe(sha(file));
    expect(sha(connector.bytes)).toBe(sha(answer));
  },
);

test('connecting to an offline peer exits with 1 and says so', async () => {
  const connector = stage.now.sws('connect', `${'12'.repeat(31)}00`, '--ephemeral');
  connector.child.stdin.end('hello');
  expect(await connector.exit).toBe(1);
  expect(connector.errors).toContain('offline');
});

test('--keep serves one peer after another', async () => {
  const listener = stage.now.sws('listen', '--ephemeral', '--accept-all', '--keep');
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  for (const text of ['first ', 'second']) {
    const connector = stage.now.sws('connect', address, '--ephemeral');
    connector.child.stdin.end(text);
    expect(await connector.exit).toBe(0);
  }
  listener.child.kill('SIGTERM');
  expect(await listener.exit).toBe(0);
  expect(listener.output).toBe('first second');
});

test('--allow refuses strangers and admits the listed peer', async () => {
  const friend = stage.now.as('alice', 'id');
  await friend.exit;
  const listener = stage.now.as('bob', 'listen', '--allow', friend.output.trim());
  listener.child.stdin.end();
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  const stranger = stage.now.as('mallory', 'connect', address);
  stranger.child.stdin.end('let me in');
  expect(await stranger.exit).toBe(1);
  expect(stranger.errors).toContain('could not connect (refused');
  const connector = stage.now.as('alice', 'connect', address);
  connector.child.stdin.end('it is me');
  expect(await connector.exit).toBe(0);
  expect(await listener.exit).toBe(0);
  expect(listener.output).toBe('it is me');
});

test('a peer that dies midway gives exit code 2', async () => {
  const listener = stage.now.sws('listen', '--ephemeral', '--accept-all');
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  const connector = stage.now.sws('connect', address, '--ephemeral');
  connector.child.stdin.write('the beginning');
  await new Promise<void>((resolve) => listener.child.stdout.once('data', () => resolve()));
  // The peer's output fails: it can no longer take what it is sent.
  listener.child.stdout.destroy();
  connector.child.stdin.write(randomBytes(3_000_000));
  expect(await connector.exit).toBe(2);
  expect(await listener.exit).toBe(1);
  expect(listener.errors).toContain('cannot write the output');
});

test('connect --plain talks to any program, and the end of input closes the connection', async () => {
  const heard: string[] = [];
  const closed = new Promise<number>((resolve) => {
    program((socket) => {
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('message', ({ data }) => {
        heard.push(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer).toString());
        socket.send(`you said ${heard.join('')}`);
      });
      socket.addEventListener('close', ({ code }) => resolve(code));
    });
  });
  const [endpoint] = endpoints;
  const address = (await endpoint?.ready)?.publicKey ?? '';
  const connector = stage.now.sws('connect', '--plain', '--ephemeral', address);
  connector.child.stdin.write('grüße');
  expect(await connector.prints(/you said .*/)).toBe('you said grüße');
  connector.child.stdin.end();
  expect(await connector.exit).toBe(0);
  expect(await closed).toBe(1000);
});

test('connect without --plain to a program that is not sws closes, and says what to do', async () => {
  let close: (code: number) => void = () => {};
  const closed = new Promise<number>((resolve) => {
    close = resolve;
  });
  const heard: unknown[] = [];
  const endpoint = program((socket) => {
    socket.addEventListener('message', ({ data }) => heard.push(data));
    socket.addEventListener('close', ({ code }) => close(code));
  });
  const { publicKey } = await endpoint.ready;
  const connector = stage.now.sws('connect', '--ephemeral', publicKey);
  connector.child.stdin.end('lost');
  expect([await connector.exit, await closed, heard]).toEqual([1, 1002, []]);
  expect(connector.errors).toContain('use --plain');
});

test('a program’s close code is printed with exit code 2, and its reason cannot control the terminal', async () => {
  const endpoint = program((socket) => socket.close(4321, '\u001b[2J\u202egone'));
  const { publicKey } = await endpoint.ready;
  const connector = stage.now.sws('connect', '--plain', '--ephemeral', publicKey);
  expect(await connector.exit).toBe(2);
  expect(connector.errors).toContain('the peer closed with 4321 \u{FFFD}[2J\u{FFFD}gone');
});

test('a reader of --json may stop after the first event: the command exits with 1', async () => {
  const shell = (line: string) =>
    stage.now.spawn('bash', ['-c', `set -o pipefail; ${line}`], { NODE: process.execPath, MAIN });
  const listing = shell('"$NODE" "$MAIN" serve 9 --ephemeral --accept-all --json | head -n 1');
  await listing.prints(/"address":"[0-9a-f]{64}"/);
  await stage.now.restartRelay(); // which it tells of
  expect(await listing.exit).toBe(1);
  expect(listing.errors).toBe('sws: cannot write the output: write EPIPE\n');
});

test('--json writes events to standard error, and the peer’s bytes to standard output', async () => {
  const listener = stage.now.sws('listen', '--ephemeral', '--accept-all', '--json');
  const address = await listener.says(/"address":"([0-9a-f]{64})"/);
  listener.child.stdin.end('{"this":"is data"}');
  const connector = stage.now.sws('connect', address, '--ephemeral', '--json');
  connector.child.stdin.end();
  expect([await connector.exit, await listener.exit]).toEqual([0, 0]);
  expect(connector.output).toBe('{"this":"is data"}');
  const events = listener.errors
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map(({ event }) => event)).toEqual(['listening', 'connection', 'closed']);
  expect(events[0]).toMatchObject({ address, url: `${stage.now.relay.url.replace('http', 'ws')}${address}` });
  const alone = stage.now.sws('connect', `${'12'.repeat(31)}00`, '--ephemeral', '--json');
  expect(await alone.exit).toBe(1);
  expect(JSON.parse(alone.errors)).toMatchObject({ event: 'failed', code: 'offline' });
});
