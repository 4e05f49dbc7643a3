import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { expect, test } from 'vitest';
import { type Command, useStage } from './sws.js';

const stage = useStage();

interface Status {
  readonly running: boolean;
  readonly pid: number;
  readonly relays: readonly { readonly commands: number }[];
}

async function address(user: string): Promise<string> {
  const id = stage.now.as(user, 'id');
  await id.exit;
  return id.output.trim();
}
async function agent(user: string): Promise<Status> {
  const shown = stage.now.as(user, 'agent', '--json');
  expect(await shown.exit).toBe(0);
  return JSON.parse(shown.output) as Status;
}
/** The names in the runtime folder that end so. */
async function runtime(ending: string): Promise<string[]> {
  return (await readdir(stage.now.path('run', 'sws'))).filter((name) => name.endsWith(ending));
}
async function echoPort(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket)).unref();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
function say(command: Command, text: string): Promise<string> {
  command.child.stdin.write(text);
  return command.prints(new RegExp(text));
}

/** Alice is connected to an echo that Bob serves, and has heard it. */
async function talk() {
  const [alice, bob] = [await address('alice'), await address('bob')];
  const served = stage.now.as('bob', 'serve', String(await echoPort()), '--allow', alice);
  await served.says(/serving/);
  const session = stage.now.as('alice', 'connect', bob);
  await say(session, 'hello');
  return { bob, served, session };
}

test('ten commands at once share one connection of an identity', {
  timeout: 150_000,
}, async () => {
  const [alice, bob] = [await address('alice'), await address('bob')];
  const served = stage.now.as('bob', 'serve', String(await echoPort()), '--allow', alice);
  const receiver = stage.now.as('bob', 'recv', '--out', 'in', '--allow', alice);
  await Promise.all([served.says(/serving/), receiver.says(/receiving as/)]);
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  for (const name of names) await writeFile(stage.now.path(name), name.repeat(200_000));
  const sends = names.map((name) => stage.now.as('alice', 'send', name, bob));
  const sessions = ['one', 'two'].map((name) => ({ name, command: stage.now.as('alice', 'connect', bob) }));
  const opened = stage.now.as('alice', 'open', bob, '--port', '0');
  const port = Number(await opened.says(/127\.0\.0\.1:(\d+) leads/));
  const client = dial(port, '127.0.0.1').on('error', () => {});
  client.write('three');
  await Promise.all([
    ...sessions.map(({ name, command }) => say(command, name)),
    new Promise<void>((resolve) => client.once('data', () => resolve())),
  ]);
  expect(await runtime('.sock')).toHaveLength(2);
  expect((await agent('bob')).relays).toMatchObject([{ commands: 2 }]);
  for (const command of sends) expect([command.errors, await command.exit]).toEqual([expect.anything(), 0]);
  for (const name of names) expect(await readFile(stage.now.path('in', name), 'utf8')).toBe(name.repeat(200_000));
  for (const { command } of sessions) {
    command.child.stdin.end();
    expect(await command.exit).toBe(0);
  }
  client.destroy();
});

test('a killed agent is replaced before its lock is stale; channels through it report an error', async () => {
  const { bob, served, session } = await talk();
  const { pid } = await agent('bob');
  const { mtimeMs } = await stat(stage.now.path('bob', 'sws', 'identity.lock'));
  process.kill(pid, 'SIGKILL');
  await served.says(/the connection to the relay ended \(sws agent\)/);
  await served.says(/reconnected/);
  const next = await agent('bob');
  expect(next.pid).not.toBe(pid);
  // A lock that nobody unlocks stays for 10 s: this one was taken from the dead.
  expect((await stat(stage.now.path('bob', 'sws', 'identity.lock'))).mtimeMs - mtimeMs).toBeLessThan(9_000);
  session.child.kill();
  const after = stage.now.as('alice', 'connect', '--wait', '30', bob);
  await say(after, 'after');
  process.kill((await agent('alice')).pid, 'SIGKILL');
  expect(await after.exit).toBe(2);
  expect(after.errors).toContain('the process that held the connection to the relay ended (sws agent)');
});

test('the second of two commands that would accept the same connections is refused', async () => {
  const served = stage.now.as('bob', 'serve', '9', '--allow', await address('alice'));
  await served.says(/serving/);
  const second = stage.now.as('bob', 'serve', '10', '--allow', await address('alice'));
  expect(await second.exit).toBe(1);
  expect(second.errors).toContain('another command of this identity already accepts these connections');
});

test('stop ends the agent and its commands, and releases the identity', async () => {
  const listener = stage.now.as('bob', 'listen', '--allow', await address('alice'));
  await listener.says(/listening/);
  const stopped = stage.now.as('bob', 'agent', 'stop');
  expect(await stopped.exit).toBe(0);
  expect(await listener.exit).toBe(1);
  expect(listener.errors).toContain('sws agent stop');
  expect(await stage.now.as('bob', 'keygen', '--force').exit).toBe(0);
  expect((await agent('bob')).running).toBe(false);
});

test('the agent ends after its last command, even if a line is open and the relay is down', async () => {
  const { served, session } = await talk();
  const pids = [(await agent('alice')).pid, (await agent('bob')).pid];
  await stage.now.relay.close();
  for (const command of [served, session]) command.child.kill('SIGKILL');
  // Sooner than a peer is given up that can't be reached, which takes 60 s.
  await expect.poll(() => pids.some(isRunning), { timeout: 40_000 }).toBe(false);
});

test('an agent whose line is blocked ends after its last command, without a relay too', async () => {
  const alice = await address('alice');
  const listener = stage.now.as('bob', 'listen', '--allow', alice);
  const bob = await listener.says(/listening as ([0-9a-f]{64})/);
  listener.child.stdout.pause();
  const session = stage.now.as('alice', 'connect', bob);
  const { stdin } = session.child;
  let written = 0;
  const write = (error?: Error | null): void => {
    if (!error) stdin.write(Buffer.alloc(65_536), write);
    written++;
  };
  write();
  let last = 0;
  const isStuck = (): boolean => {
    const before = last;
    last = written;
    return last > 16 && last === before;
  };
  await expect.poll(isStuck, { timeout: 40_000, interval: 500 }).toBe(true);
  const { pid } = await agent('alice');
  await stage.now.relay.close();
  session.child.kill('SIGKILL');
  // It was 60 s, until the peer was given up.
  await expect.poll(() => isRunning(pid), { timeout: 20_000 }).toBe(false);
});

test('only the user can open the socket and its folder, and a client that cannot read the identity is cut off', async () => {
  const listener = stage.now.as('bob', 'listen', '--allow', await address('alice'));
  await listener.says(/listening/);
  const [name = ''] = await runtime('.sock');
  const path = stage.now.path('run', 'sws', name);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(stage.now.path('run', 'sws'))).mode & 0o777).toBe(0o700);
  const frame = (value: unknown): Buffer => {
    const content = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    const header = Buffer.alloc(5);
    header.writeUInt32BE(content.length);
    return Buffer.concat([header, content]);
  };
  const tooLarge = Buffer.alloc(5);
  tooLarge.writeUInt32BE(4_000_000_000);
  const attempts: Buffer[] = [
    frame({ type: 'stop' }),
    frame({ nonce: '00'.repeat(32), proof: '00'.repeat(32) }),
    frame({ nonce: 7, proof: {} }),
    frame({ nonce: { toString: 1 }, proof: '' }),
    frame('null'),
    frame('{'),
    tooLarge,
    Buffer.concat([Buffer.from([0, 0, 0, 4, 9]), Buffer.from('what')]),
    randomBytes(100_000),
  ];
  for (const attempt of attempts) {
    const socket = dial(path);
    const heard: Buffer[] = [];
    socket.on('data', (chunk) => heard.push(chunk)).on('error', () => {});
    socket.write(attempt);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // The agent's own nonce, and nothing behind it.
    expect(Buffer.concat(heard).subarray(5).toString()).toMatch(/^({"version":1,"nonce":"[0-9a-f]{64}"})?$/);
  }
  // More strangers than it hears at a time: the next is cut off, and commands are served once these are gone.
  const strangers = Array.from({ length: 40 }, () => dial(path).on('error', () => {}));
  await Promise.all(
    strangers.slice(32).map((one) => new Promise<void>((resolve) => one.once('close', () => resolve()))),
  );
  for (const stranger of strangers) stranger.destroy();
  expect((await agent('bob')).running).toBe(true);
});

test('a runtime folder that others can read is refused', async () => {
  await mkdir(stage.now.path('run', 'sws'), { recursive: true, mode: 0o755 });
  const listener = stage.now.as('bob', 'listen', '--allow', '12'.repeat(32));
  expect(await listener.exit).toBe(1);
  expect(listener.errors).toContain('must be a folder that only you can use');
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
