import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, get, Agent as HttpAgent, request } from 'node:http';
import { type AddressInfo, createServer, connect as dial, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { useStage } from './sws.js';

const stage = useStage();

async function portOf(server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host).unref();
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
async function address(user: string): Promise<string> {
  const id = stage.now.as(user, 'id');
  await id.exit;
  return id.output.trim();
}
/** The local port that leads to a service. */
async function open(user: string, to: string): Promise<number> {
  const opened = stage.now.as(user, 'open', to, '--port', '0', '--wait', '0', '--json');
  return Number(await opened.prints(/"port":(\d+)/));
}
function says(words: string): Server {
  return createServer((socket) => socket.on('error', () => {}).end(words));
}

test('serve serves several named ports, each with its own admission; a file says the same', async () => {
  const [alice, carol] = [await address('alice'), await address('carol')];
  const [web, db] = [await portOf(says('web')), await portOf(says('db'), '::1')];
  // One service is on ::1 alone: `localhost` reaches it.
  const file = `[web]\nport = ${web}\nhost = "127.0.0.1"\n\n[db]\nport = ${db}\nallow = ["${carol}"]\n`;
  await writeFile(stage.now.path('services.toml'), file);
  const served = stage.now.as('bob', 'serve', '--file', 'services.toml', '--allow', alice, '--json');
  const bob = await served.prints(/.*"name":"db".*/);
  expect(bob).toContain(`"target":"localhost:${db}"`);
  const to = await address('bob');
  const fetched = async (user: string, service: string): Promise<string> =>
    text(dial(await open(user, `${to}${service}`), '127.0.0.1')).catch(({ code }: NodeJS.ErrnoException) => code ?? '');
  const asked = [
    ['alice', '/web', 'web'],
    ['carol', '/db', 'db'],
    ['alice', '/db', 'ECONNRESET'],
    ['carol', '/web', 'ECONNRESET'],
    ['alice', '/nothing', 'ECONNRESET'],
    ['alice', '', 'ECONNRESET'],
  ] as const;
  const got = await Promise.all(asked.map(([user, service]) => fetched(user, service)));
  expect(got).toEqual(asked.map(([, , expected]) => expected));
});

test.each([
  ['[web]\nport = 0\n', /a port must be 1–65535, got 0/],
  ['[web]\nport = 80\nprot = "udp"\n', /web has an unknown setting: prot/],
  ['[web]\nport = 80\nallow = "alice"\n', /allow of web must be a list/],
  ['[web\n', /services\.toml: /],
  ['', /name 1 to 256 services/],
])('a wrong services file is refused: %j', async (toml, why) => {
  await writeFile(stage.now.path('services.toml'), toml);
  const served = stage.now.as('bob', 'serve', '--file', 'services.toml', '--accept-all');
  expect(await served.exit).toBe(1);
  expect(served.errors).toMatch(why);
});

test('HTTP works through a service: keep-alive, streamed events, and an upgrade', async () => {
  let connections = 0;
  const server = createHttpServer((asked, answer) => {
    if (asked.url !== '/events') return void answer.end('hello');
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    answer.write('data: one\n\n');
    server.once('more', () => answer.write('data: two\n\n'));
  });
  server.on('connection', () => connections++);
  server.on('upgrade', (_asked, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('error', () => {}).pipe(socket);
  });
  const served = stage.now.as('bob', 'serve', `web=${await portOf(server)}`, '--allow', await address('alice'));
  await served.says(/serving/);
  const port = await open('alice', `${await address('bob')}/web`);
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
  for (let count = 0; count < 3; count++) {
    const [answer] = await once(get({ port, host: '127.0.0.1', agent }), 'response');
    expect(await text(answer)).toBe('hello');
  }
  expect(connections).toBe(1);
  agent.destroy();

  const [events] = await once(get({ port, host: '127.0.0.1', path: '/events' }), 'response');
  expect(String((await once(events, 'data'))[0])).toBe('data: one\n\n');
  server.emit('more');
  expect(String((await once(events, 'data'))[0])).toBe('data: two\n\n');
  events.destroy();

  const asking = request({ port, host: '127.0.0.1', headers: { connection: 'Upgrade', upgrade: 'echo' } });
  asking.end();
  const [, socket] = await once(asking, 'upgrade');
  socket.write('ping');
  expect(String((await once(socket, 'data'))[0])).toBe('ping');
  socket.destroy();
});
