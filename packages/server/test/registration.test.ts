import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type Challenge, encodeFrame, encodeMessage } from '@sws/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type Attached, type ServerSecureWebSocket, SUBPROTOCOL, serveUpgrades } from '../src/index.js';
import { Client, registered, respond } from './client.js';

const relay = Identity.generate(randomBytes, nodeProvider);
const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
let server: ReturnType<typeof createServer>;
let attached: Attached;
let sockets: ServerSecureWebSocket[];
let host: string;

beforeEach(async () => {
  server = createServer();
  sockets = [];
  attached = serveUpgrades(server, {
    identity: relay,
    admit: () => ({ ok: true, term: 1, limits: LIMITS, keepalive: 15 }),
    authorize: ({ token }) => token !== 'evil',
    onSocket: (socket) => {
      sockets.push(socket);
      socket.onmessage = (message) => socket.deliver(message);
    },
    maxPendingPerAddress: 3,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  attached.close();
  server.closeAllConnections();
  server.close();
});

const identity = Identity.generate(randomBytes, nodeProvider);
const other = Identity.generate(randomBytes, nodeProvider);

test('a proven key registers, and its messages reach the router', async () => {
  const client = await registered(host, identity);
  const content = randomBytes(100);
  client.socket.send(encodeMessage(other.publicKeyBytes(), content));
  expect(new Uint8Array((await client.next()) as Buffer).subarray(33)).toEqual(content);
  expect(sockets[0]?.publicKey).toBe(identity.publicKey);
});

test('the answer to the upgrade and the challenge are one write', async () => {
  const parts: number[] = [];
  server.once('connection', (socket: Socket) => {
    vi.spyOn(socket, '_write').mockImplementation(() => void parts.push(1));
    vi.spyOn(socket, '_writev').mockImplementation((chunks) => void parts.push(chunks.length));
  });
  const client = new Client(host);
  await expect.poll(() => parts).toEqual([2]);
  client.socket.terminate();
});

test('a JSON client’s messages are translated both ways', async () => {
  const client = await registered(host, identity, { encoding: 'json' });
  client.socket.send(encodeFrame({ type: 'MESSAGE', to: other.publicKey, content: Uint8Array.of(1, 2, 3) }));
  expect(JSON.parse(String(await client.next()))).toMatchObject({ type: 'MESSAGE', content: 'AQID' });
});

describe('refused before registration, with its code', () => {
  const cases: [string, (challenge: Challenge) => string | Uint8Array, number][] = [
    ['malformed JSON', () => '{"type":', 4400],
    ['an array', () => '[]', 4400],
    ['an unknown type', () => '{"type":"HELLO"}', 4400],
    ['binary garbage', () => randomBytes(50), 4400],
    ['a frame over the limit', () => `{"type":"${'x'.repeat(5_000)}"}`, 4400],
    [
      'MESSAGE before registration',
      () => encodeFrame({ type: 'MESSAGE', to: other.publicKey, content: new Uint8Array(1) }),
      4400,
    ],
    ['a short key', (c) => encodeFrame(respond({ challenge: c, host }, identity, { publicKey: 'ab' })), 4400],
    [
      'an upper-case key',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, { publicKey: identity.publicKey.toUpperCase() })),
      4400,
    ],
    [
      'another encoding',
      (c) => encodeFrame(respond({ challenge: c, host }, identity)).replace('"binary"', '"xml"'),
      4400,
    ],
    [
      'a term above 2^48',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, { lastTerm: 2 ** 48 + 1 })),
      4400,
    ],
    [
      'a wrong signature',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, { signedNonce: '22'.repeat(64) })),
      4401,
    ],
    [
      'S >= L',
      (c) =>
        encodeFrame(
          respond({ challenge: c, host }, identity, {
            signedNonce: respond({ challenge: c, host }, identity).signedNonce.slice(0, 64) + 'ff'.repeat(32),
          }),
        ),
      4401,
    ],
    [
      'a low-order key',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, { publicKey: '00'.repeat(32) })),
      4401,
    ],
    [
      'a signature for another host',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, {}, { host: 'evil.example' })),
      4401,
    ],
    [
      'a host that the relay does not have',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, { host: 'evil.example' }, { host: 'evil.example' })),
      4401,
    ],
    [
      'another server’s key',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, {}, { serverKey: other.signingKey })),
      4401,
    ],
    [
      'another connection’s nonce',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, {}, { nonce: '33'.repeat(32) })),
      4401,
    ],
    [
      'someone else’s signing key',
      (c) => encodeFrame(respond({ challenge: c, host }, other, { publicKey: identity.publicKey })),
      4401,
    ],
    [
      'a token that authorize refuses',
      (c) => encodeFrame(respond({ challenge: c, host }, identity, { token: 'evil' })),
      4403,
    ],
  ];
  test.each(cases)('%s', async (_name, frame, code) => {
    const client = new Client(host);
    const challenge = await client.challenge();
    client.socket.send(frame(challenge));
    expect(JSON.parse(String(await client.next()))).toMatchObject({ type: 'REGISTER_FAILURE', code });
    expect(await client.closed()).toBe(code);
    expect([...attached.counters.refusals.values()].reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  test('refuses a replayed answer and a second one', async () => {
    const first = new Client(host);
    const recorded = encodeFrame(respond({ challenge: await first.challenge(), host }, identity));
    first.socket.send(recorded);
    await first.next();
    first.socket.send(recorded);
    expect(JSON.parse(String(await first.next()))).toMatchObject({ type: 'ERROR', code: 4400 });
    const replay = new Client(host);
    await replay.challenge();
    replay.socket.send(recorded);
    expect(await replay.closed()).toBe(4401);
  });

  test('a flood before registration is cut off, not read', async () => {
    const client = new Client(host);
    await client.challenge();
    client.socket.send(new Uint8Array(1_000_000));
    expect(await client.closed()).toBe(1006);
    expect(attached.counters.refusals.get('unregistered-flood')).toBe(1);
  });

  test('a client may send 16 KiB before it registers, and no byte more', async () => {
    const connected = once(server, 'connection');
    const client = new Client(host);
    const [end] = (await connected) as [Socket];
    await client.challenge();
    // A frame of 100,000 bytes that is never whole; what the library has read by then stays unanswered.
    const head = Buffer.from('82ff00000000000186a000000000', 'hex');
    end.emit('data', Buffer.concat([head, Buffer.alloc(16_384 - head.length)]));
    expect(end.destroyed).toBe(false);
    end.emit('data', Buffer.alloc(1));
    expect([end.destroyed, attached.counters.refusals.get('unregistered-flood')]).toEqual([true, 1]);
  });

  test('silence ends after five seconds', async () => {
    const client = new Client(host);
    await client.challenge();
    expect(await client.closed()).toBe(4408);
  });

  test('refuses too many unregistered connections from one address', async () => {
    const clients = [new Client(host), new Client(host), new Client(host)];
    for (const client of clients) await client.challenge();
    const fourth = new WebSocket(`ws://${host}/`, SUBPROTOCOL);
    const [error] = await once(fourth, 'error');
    expect(String(error)).toContain('503');
    expect(attached.counters.refusals.get('too-many-pending-from-address')).toBe(1);
    for (const client of clients) client.socket.terminate();
  });
});

test('after registration another’s key, garbage and a huge frame close the connection', async () => {
  const forger = await registered(host, identity);
  forger.socket.send(
    encodeFrame({ type: 'MESSAGE', to: other.publicKey, from: other.publicKey, content: new Uint8Array(1) }),
  );
  expect(await forger.closed()).toBe(4400);
  const garbler = await registered(host, identity);
  garbler.socket.send(new Uint8Array([9, 9, 9]));
  expect(await garbler.closed()).toBe(4400);
  const giant = await registered(host, identity);
  giant.socket.send(encodeMessage(other.publicKeyBytes(), new Uint8Array(140_000)));
  expect(await giant.closed()).toBe(1009);
});
