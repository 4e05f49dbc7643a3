import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { useStage } from './sws.js';

const stage = useStage();

/** A served TCP server and the local port that leads to it. */
async function tunnel(answer: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const served = stage.now.sws('serve', String((server.address() as AddressInfo).port), '--ephemeral', '--accept-all');
  const address = await served.says(/as ([0-9a-f]{64})/);
  const opened = stage.now.sws('open', address, '--port', '0', '--ephemeral');
  const port = Number(await opened.says(/127\.0\.0\.1:(\d+) leads/));
  return { port, served, opened, server };
}

test('a tunnel carries large transfers both ways at once, through a restarting relay', async () => {
  const there = randomBytes(8_000_000);
  const back = randomBytes(8_000_000);
  const received: Buffer[] = [];
  const { port, server } = await tunnel((socket) => {
    socket.on('data', (chunk) => received.push(chunk));
    // The answer ends only after the question has: a half-close that did not arrive would hang here.
    socket.write(back.subarray(0, 4_000_000));
    socket.on('end', () => socket.end(back.subarray(4_000_000)));
  });
  const client = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
  const answer: Buffer[] = [];
  client.on('data', (chunk) => answer.push(chunk));
  client.write(there.subarray(0, 4_000_000));
  await new Promise<void>((resolve) => client.once('data', () => resolve()));
  await stage.now.restartRelay();
  client.end(there.subarray(4_000_000));
  await new Promise<void>((resolve) => client.once('end', () => resolve()));
  expect(Buffer.concat(answer).equals(back)).toBe(true);
  expect(Buffer.concat(received).equals(there)).toBe(true);
  server.close();
});

test('a tunnel echoes each key as it is typed', async () => {
  const { port, server } = await tunnel((socket) => socket.pipe(socket));
  const client = dial(port, '127.0.0.1');
  for (const key of 'ls -l\n') {
    client.write(key);
    const [echo] = await new Promise<Buffer[]>((resolve) => client.once('data', (chunk) => resolve([chunk])));
    expect(echo?.toString()).toBe(key);
  }
  client.end();
  expect(await text(client)).toBe('');
  server.close();
});

test('200 connections at once through one port keep their bytes apart', async () => {
  let most = 0;
  let open = 0;
  const { port, server } = await tunnel((socket) => {
    most = Math.max(most, ++open);
    socket.on('error', () => {}).pipe(socket);
  });
  const names = Array.from({ length: 200 }, (_, index) => `connection ${index}`);
  const clients = names.map((name) => {
    const client = dial(port, '127.0.0.1').on('error', () => {});
    client.write(name);
    return client;
  });
  const echoes = clients.map((client) => once(client, 'data').then(([data]) => String(data)));
  expect(await Promise.all(echoes)).toEqual(names);
  expect(most).toBe(200);
  for (const client of clients) client.destroy();
  server.close();
});

test('a session ended by a signal is not reported as broken', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const served = stage.now.sws('serve', String((server.address() as AddressInfo).port), '--ephemeral', '--accept-all');
  const address = await served.says(/as ([0-9a-f]{64})/);
  const session = stage.now.sws('connect', address, '--ephemeral');
  session.child.stdin.write('hello');
  await session.prints(/hello/);
  session.child.kill('SIGHUP');
  await served.says(/a connection of \S+ has ended/);
  expect(served.errors).not.toContain('broke');
  server.close();
});

test('a refused port is reported to the peer, and resets its program', async () => {
  const { port, opened, server } = await tunnel(() => {});
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const client = dial(port, '127.0.0.1');
  const error = await new Promise<Error & { code?: string }>((resolve) => client.once('error', resolve));
  expect(error.code).toBe('ECONNRESET');
  await opened.says(/4502 cannot connect to the port \(ECONNREFUSED\)/);
});

test('--allow keeps strangers from the port, and a signal ends both commands with 0', async () => {
  const server = createServer((socket) => socket.end('welcome'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const friend = stage.now.as('alice', 'id');
  await friend.exit;
  const port = String((server.address() as AddressInfo).port);
  const served = stage.now.as('bob', 'serve', port, '--allow', friend.output.trim(), '--json');
  const address = await served.prints(/"address":"([0-9a-f]{64})"/);
  const open = async (user: string) => {
    const opened = stage.now.as(user, 'open', address, '--port', '0', '--json');
    return { opened, local: Number(await opened.prints(/"port":(\d+)/)) };
  };
  const mallory = await open('mallory');
  const kept = dial(mallory.local, '127.0.0.1');
  const error = await new Promise<Error & { code?: string }>((resolve) => kept.once('error', resolve));
  expect(error.code).toBe('ECONNRESET');
  await mallory.opened.prints(/"event":"failed".*"code":"refused"/);
  const alice = await open('alice');
  expect(await text(dial(alice.local, '127.0.0.1'))).toBe('welcome');
  await served.prints(/"event":"closed"/);
  expect(served.events.map(({ event }) => event)).toEqual(['serving', 'connection', 'closed']);
  for (const command of [served, alice.opened, mallory.opened]) {
    command.child.kill('SIGINT');
    expect(await command.exit).toBe(0);
  }
  server.close();
});
