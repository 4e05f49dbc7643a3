import { type AddressInfo, createServer } from 'node:net';
import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { startRelay } from '@sws/relay';
import { expect, test } from 'vitest';
import { printable } from '../dist/report.js';
import { useStage } from './sws.js';

const stage = useStage();
const NOBODY = `${'12'.repeat(31)}00`;

/** A port where nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

test('the error names an unreachable relay and the reason', async () => {
  const port = await closedPort();
  const relay = `ws://127.0.0.1:${port}/`;
  const connect = stage.now.run(['connect', NOBODY, '--ephemeral', '--relay', relay]);
  const listener = stage.now.run(['listen', '--accept-all', '--ephemeral', '--relay', relay]);
  await listener.says(
    new RegExp(`${relay} can't be reached: 127.0.0.1:${port} refused the connection.*ECONNREFUSED.*; trying again`),
  );
  listener.child.kill('SIGINT');
  expect(await listener.exit).toBe(0);
  connect.child.stdin.end();
  expect(await connect.exit).toBe(1);
  expect(connect.errors).toContain(`127.0.0.1:${port} refused the connection: nothing listens there (ECONNREFUSED)`);
  expect(connect.errors).not.toContain('reconnecting');
});

test('a refusing relay is reported once, with its reason', async () => {
  const relay = await startRelay({ port: 0, hosts: ['relay.example'], chat: false });
  try {
    const url = `ws://127.0.0.1:${relay.port}/`;
    const listener = stage.now.run(['listen', '--accept-all', '--ephemeral', '--relay', url]);
    expect(await listener.exit).toBe(1);
    expect(listener.errors).toBe('sws: the relay refused: host is not one of this relay’s\n');
  } finally {
    await relay.close();
  }
});

test('doctor passes for a running relay, and says what is wrong with an unreachable one', async () => {
  const well = stage.now.sws('doctor', '--json');
  expect(await well.exit).toBe(0);
  const found = new Map(well.events.map(({ what, ok }) => [what, ok]));
  expect(Object.fromEntries(found)).toEqual({
    version: null,
    identity: true,
    agent: true,
    proxy: null,
    relay: true,
    clock: true,
  });
  const ill = stage.now.run(['doctor', '--ephemeral', '--relay', `ws://127.0.0.1:${await closedPort()}`]);
  expect(await ill.exit).toBe(1);
  expect(ill.output).toMatch(/^!! relay .*ECONNREFUSED/m);
});

test('a peer that offers only a newer subprotocol is reported once', async () => {
  const listener = stage.now.sws('listen', '--accept-all');
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  const endpoint = new Endpoint(stage.now.relay.url, { identity: Identity.generate(randomBytes) });
  for (let count = 0; count < 2; count++) {
    const socket = endpoint.connect(address, { protocols: 'sws.tunnel.v2' });
    await new Promise((resolve) => socket.addEventListener('error', resolve));
  }
  await endpoint.close();
  const said = await listener.says(/uses a newer sws \((.*)\)/);
  expect(said).toBe('sws.tunnel.v2');
  expect(listener.errors.match(/newer/g)).toHaveLength(1);
});

test.each([
  ['a family 👨‍👩‍👧, a heart on fire ❤️‍🔥', 'a family 👨‍👩‍👧, a heart on fire ❤️‍🔥'],
  ['a\u200db \u202e \u001b[2J', 'a\u{FFFD}b \u{FFFD} \u{FFFD}[2J'],
])('%j is shown as %j', (words, shown) => {
  expect(printable(words)).toBe(shown);
});
