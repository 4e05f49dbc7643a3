import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer as createHttpServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { RelayChild } from '@sws/bench';
import { Child } from '@sws/testing/child';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SWS = fileURLToPath(new URL('../../../apps/cli/dist/main.js', import.meta.url));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let relay: RelayChild;
const children: Child[] = [];
const servers: Server[] = [];
beforeEach(async () => {
  relay = await RelayChild.start();
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await Promise.all([...children.splice(0).map((child) => child.stop('SIGKILL')), relay.stop()]);
});

async function sws(...args: string[]): Promise<Child> {
  const child = await Child.start({
    name: args[0] ?? 'sws',
    command: process.execPath,
    args: [SWS, ...args, '--json', '--ephemeral'],
    env: { SWS_RELAY: relay.url() },
  });
  children.push(child);
  return child;
}

/** Serves a server's port, opens it elsewhere, and resolves with that local port. */
async function tunnelTo(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = await sws('serve', String((server.address() as AddressInfo).port), '--accept-all');
  const opened = await sws('open', String(served.readyReport.address), '--port', '0');
  return Number(opened.readyReport.port);
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('HTTP through a tunnel survives a killed relay: keep-alive, large bodies both ways, eight at once', {
  timeout: 120_000,
}, async () => {
  const sockets = new Set<Socket>();
  const server = createHttpServer(async (asked, answer) => {
    sockets.add(asked.socket);
    const body = await bodyOf(asked);
    answer.writeHead(200, { 'content-length': body.length, 'x-sha256': sha256(body) });
    answer.end(Buffer.from(body).reverse());
  });
  const port = await tunnelTo(server);
  const post = async (agent: Agent, body: Buffer): Promise<void> => {
    const asking = request({ port, host: '127.0.0.1', method: 'POST', agent, path: '/echo' });
    asking.end(body);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const back = await bodyOf(answer);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['x-sha256']).toBe(sha256(body));
    expect(sha256(back.reverse())).toBe(sha256(body));
  };
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  for (const size of [0, 1, 100_000]) await post(kept, randomBytes(size));
  expect(sockets.size).toBe(1);

  const many = new Agent({ keepAlive: true, maxSockets: 8 });
  const posts = Array.from({ length: 8 }, () => post(many, randomBytes(1_500_000)));
  const large = post(kept, randomBytes(6_000_000));
  await expect.poll(() => sockets.size, { timeout: 60_000 }).toBeGreaterThan(3);
  await relay.crash(300);
  await Promise.all([...posts, large]);
  await post(kept, randomBytes(10_000));
  // The connection that was kept before the relay was killed is the same one still.
  expect(sockets.size).toBe(9);
  kept.destroy();
  many.destroy();
});

test('a shell through a tunnel echoes each key across a killed relay, and answers after input ends', {
  timeout: 120_000,
}, async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const typed: string[] = [];
    socket.setEncoding('utf8').on('data', (keys: string) => {
      typed.push(keys);
      socket.write(keys);
    });
    // As a shell does at the end of its input.
    socket.on('end', () => socket.end(`\r\nlogout after ${typed.join('').length} keys`));
  });
  const client = dial({ port: await tunnelTo(server), host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  let shown = '';
  client.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const ended = once(client, 'end');
  let typed = '';
  const type = async (keys: string): Promise<void> => {
    for (const key of keys) {
      client.write(key);
      typed += key;
      await expect.poll(() => shown, { timeout: 60_000, interval: 2 }).toBe(typed);
    }
  };
  await type('ls -la\n');
  const killed = relay.crash(300);
  await type('echo still here\n');
  await killed;
  await type('exit\n');
  client.end();
  await ended;
  expect(shown).toBe(`${typed}\r\nlogout after ${typed.length} keys`);
  client.destroy();
});

test('a server that closes first is read to its end, and a reset is not taken for an end', {
  timeout: 120_000,
}, async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('data', (data) => {
      if (String(data) === 'reset') socket.resetAndDestroy();
      else {
        // It has said all, and still listens.
        socket.end('bye');
        socket.on('data', (more) => heard.push(String(more)));
      }
    });
  });
  const heard: string[] = [];
  const port = await tunnelTo(server);
  const client = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
  const said: string[] = [];
  client.setEncoding('utf8').on('data', (text: string) => said.push(text));
  client.write('hello');
  await once(client, 'end');
  client.end('and more');
  await expect.poll(() => heard.join(''), { timeout: 60_000 }).toBe('and more');
  expect(said.join('')).toBe('bye');
  const other = dial({ port, host: '127.0.0.1' });
  other.write('reset');
  const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});
