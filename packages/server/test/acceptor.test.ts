import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeFrame, type RelayFrame } from '@sws/protocol';
import { expect, test, vi } from 'vitest';
import { Acceptor, type AcceptorOptions } from '../src/acceptor.js';
import { SUBPROTOCOL } from '../src/connection-limits.js';
import type { Refusal, ServerSecureWebSocket } from '../src/index.js';
import { maxFrameBytes } from '../src/max-message.js';
import { respond } from './client.js';
import { FakeSocket } from './fake-socket.js';

const client = Identity.generate(randomBytes, nodeProvider);
const limits = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
const info = { origin: undefined, protocols: SUBPROTOCOL, forwardedFor: undefined, address: '::ffff:192.0.2.1' };

function open(options: Partial<AcceptorOptions<string>> = {}) {
  const refusals: Refusal[] = [];
  const order: string[] = [];
  const sockets: ServerSecureWebSocket[] = [];
  const acceptor = new Acceptor<string>({
    identity: Identity.generate(randomBytes, nodeProvider),
    admit: () => ({ ok: true, term: 7, limits, keepalive: 15 }),
    onSocket: (socket) => {
      order.push('onSocket');
      sockets.push(socket);
    },
    onRefused: (refusal) => refusals.push(refusal),
    maxPending: 1,
    ...options,
  });
  const entry = acceptor.enter(info);
  if (!entry.ok) throw new Error(entry.reason);
  const socket = new FakeSocket();
  const register = (): void => acceptor.register(socket, 'request', entry.slot, () => order.push('admitted'));
  const answer = (): void => {
    const [challenge] = socket.frames as Extract<RelayFrame, { type: 'CHALLENGE' }>[];
    if (challenge === undefined) throw new Error('no challenge');
    socket.onmessage?.(encodeFrame(respond({ challenge, host: 'localhost' }, client)));
  };
  return { acceptor, socket, register, answer, refusals, order, sockets };
}

test('a registered client is no longer pending, and is read once the router has it', async () => {
  const { acceptor, socket, register, answer, order, refusals, sockets } = open();
  expect(acceptor.enter(info)).toMatchObject({ ok: false, reason: 'too-many-pending' });
  register();
  answer();
  await expect.poll(() => order).toEqual(['admitted', 'onSocket']);
  expect([socket.reading, acceptor.connections, acceptor.enter(info).ok]).toEqual([true, 1, true]);
  expect([sockets[0]?.term, sockets[0]?.remoteAddress, sockets[0]?.network]).toEqual([7, '192.0.2.1', '192.0.2.1']);
  expect(refusals.map(({ reason }) => reason)).toEqual(['too-many-pending']);
});

test('signs with `provider`, or with Node’s, whatever the identity was made with', async () => {
  const own = { ...nodeProvider, ed25519Sign: vi.fn(nodeProvider.ed25519Sign) };
  const nodes = vi.spyOn(nodeProvider, 'ed25519Sign');
  const signatures = async (options: Partial<AcceptorOptions<string>>): Promise<number[]> => {
    const { register, answer, order } = open({ identity: Identity.generate(randomBytes), ...options });
    nodes.mockClear();
    register();
    answer();
    await expect.poll(() => order).toEqual(['admitted', 'onSocket']);
    return [nodes.mock.calls.length, own.ed25519Sign.mock.calls.length];
  };
  // One of Node's is the client's.
  expect(await signatures({})).toEqual([2, 0]);
  expect(await signatures({ provider: own })).toEqual([1, 1]);
  nodes.mockRestore();
});

test('a throwing onSocket closes its client with 1013, counted and reported', async () => {
  for (const thrown of [new Error('boom'), 'boom']) {
    const { acceptor, socket, register, answer, refusals } = open({
      onSocket: () => {
        throw thrown;
      },
    });
    register();
    answer();
    await expect.poll(() => socket.ended).toBe(1013);
    expect(acceptor.counters.refusals.get('internal-error')).toBe(1);
    const detail = 'onSocket: boom';
    expect(refusals).toEqual([{ reason: 'internal-error', detail, remoteAddress: '192.0.2.1' }]);
    expect(socket.frames.at(-1)).toEqual({ type: 'ERROR', code: 1013, reason: 'the relay failed' });
  }
});

test('a throwing registration closes only its connection, counted and reported', async () => {
  const { acceptor, socket, register, refusals } = open();
  vi.spyOn(socket, 'send').mockImplementation(() => {
    throw new Error('no socket');
  });
  register();
  await expect.poll(() => socket.ended).toBe('terminated');
  expect(acceptor.counters.refusals.get('internal-error')).toBe(1);
  const detail = 'registration: no socket';
  expect(refusals).toEqual([{ reason: 'internal-error', detail, remoteAddress: '192.0.2.1' }]);
});

test('a refusal is reported with its code and reason', async () => {
  const { acceptor, socket, register, answer, refusals } = open({ authorize: () => false });
  register();
  answer();
  await expect.poll(() => socket.ended).toBe(4403);
  expect(refusals).toMatchObject([{ reason: 'forbidden', remoteAddress: '192.0.2.1' }]);
  expect(acceptor.counters.refusals.has('internal-error')).toBe(false);
});

test('a closed acceptor refuses everyone, with the address that counts', () => {
  const { acceptor, refusals } = open({ trustedProxies: ['192.0.2.1'] });
  acceptor.close();
  const late = acceptor.enter({ ...info, forwardedFor: '203.0.113.9' });
  expect(late).toEqual({ ok: false, status: 503, reason: 'restarting' });
  expect(refusals).toEqual([{ reason: 'restarting', detail: 'the upgrade was refused', remoteAddress: '203.0.113.9' }]);
});

test('a frame may be twice the largest message in base64, plus a kilobyte', () => {
  expect([65_536, 1_048_576].map(maxFrameBytes)).toEqual([174_763 + 1_024, 2_796_203 + 1_024]);
  expect(open().acceptor.maxFrameBytes).toBe(maxFrameBytes(65_536));
  expect(open({ maxMessage: 100_000 }).acceptor.maxFrameBytes).toBe(maxFrameBytes(100_000));
  for (const bytes of [65_535, 1_048_577, Number.NaN]) expect(() => maxFrameBytes(bytes)).toThrow(RangeError);
});
