import { Identity, SwsError } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeFrame, type RelayFrame } from '@sws/protocol';
import type { Admission } from '@sws/protocol/internal';
import { afterEach, expect, test, vi } from 'vitest';
import { type AcceptOptions, accept, ServerCounters } from '../src/index.js';
import { respond } from './client.js';
import { FakeSocket } from './fake-socket.js';

const relay = Identity.generate(randomBytes, nodeProvider);
const client = Identity.generate(randomBytes, nodeProvider);
const limits = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
afterEach(() => void vi.useRealTimers());
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function start(options: Partial<AcceptOptions<string>> = {}) {
  const [socket, counters] = [new FakeSocket(), new ServerCounters()];
  const admit = () => ({ ok: true, term: 1, limits, keepalive: 15 }) as const;
  const accepted = accept(socket, 'request', { identity: relay, admit, counters, ...options });
  const outcome = accepted.then(
    () => 'registered',
    (error: unknown) => (error instanceof SwsError ? error.code : String(error)),
  );
  const answer = (host = 'localhost'): void => {
    const [challenge] = socket.frames as Extract<RelayFrame, { type: 'CHALLENGE' }>[];
    if (challenge === undefined) throw new Error('no challenge');
    socket.onmessage?.(encodeFrame(respond({ challenge, host }, client)));
  };
  return { socket, counters, accepted, outcome, answer };
}

test('rejects with the reason when the socket closes before registration', async () => {
  for (const [cause, code] of [
    [null, 'connection-lost'],
    ['bad-frame', 'bad-frame'],
    ['message-too-large', 'message-too-large'],
  ] as const) {
    const { socket, counters, outcome } = start();
    socket.onclose?.(cause);
    expect(await outcome).toBe(code);
    expect(counters.refusals.get(code)).toBe(1);
  }
});

test('rejects a refused client, and closes with the refusal’s code', async () => {
  const cases: [Partial<AcceptOptions<string>>, string, number][] = [
    [{ authorize: () => false }, 'forbidden', 4403],
    [{ authorize: () => Promise.reject(new Error('no database')) }, 'try-again-later', 1013],
    [{ admit: () => ({ ok: false, failure: { code: 'restarting', detail: '' } }) }, 'restarting', 1012],
    [{ admit: () => Promise.reject(new Error('no network')) }, 'try-again-later', 1013],
    // One that has no close code of its own.
    [{ admit: () => ({ ok: false, failure: { code: 'congested', detail: '' } }) }, 'congested', 1011],
  ];
  for (const [options, code, closed] of cases) {
    const { socket, outcome, answer } = start(options);
    answer();
    expect(await outcome).toBe(code);
    expect(socket.ended).toBe(closed);
  }
});

test('a refusal’s reason is cut to fit into a close frame', async () => {
  const detail = 'é'.repeat(100);
  const { socket, outcome, answer } = start({ admit: () => ({ ok: false, failure: { code: 'forbidden', detail } }) });
  const close = vi.spyOn(socket, 'close');
  answer();
  await outcome;
  expect(close.mock.calls).toEqual([[4403, 'é'.repeat(61)]]);
  expect(socket.frames.at(-1)).toEqual({ type: 'REGISTER_FAILURE', code: 4403, reason: detail });
});

test('`authorize` gets the client, and `admit` its result', async () => {
  const authorize = vi.fn(() => ({ rate: { messagesPerSecond: 7 } }));
  const admit = vi.fn(
    () => ({ ok: true, term: 3, limits: { ...limits, maxMessage: 200_000 }, keepalive: 20 }) as const,
  );
  const { socket, accepted, answer } = start({
    authorize,
    admit,
    remoteAddress: '2001:db8:1:2::9',
    maxMessage: 100_000,
  });
  answer();
  const registered = await accepted;
  const { publicKey } = client;
  const asked = { publicKey, token: null, request: 'request', remoteAddress: '2001:db8:1:2::9' };
  expect(authorize.mock.calls).toEqual([[asked]]);
  const applicant = { signal: expect.any(AbortSignal), network: '2001:db8:1:2', rate: { messagesPerSecond: 7 } };
  expect(admit.mock.calls).toEqual([[publicKey, 0, applicant]]);
  const told = { publicKey, term: 3, limits: { ...limits, maxMessage: 100_000 }, keepalive: 20 };
  expect(socket.frames.at(-1)).toMatchObject({ type: 'REGISTER_SUCCESS', ...told });
  expect([registered.publicKey, registered.term, registered.remoteAddress]).toEqual([publicKey, 3, '2001:db8:1:2::9']);
  expect(socket.reading).toBe(false); // until it is started
  registered.close({ code: 'normal', detail: '' });
});

test('a client that leaves while `authorize` decides is not admitted', async () => {
  const decide: ((allowed: boolean) => void)[] = [];
  const admit = vi.fn(() => ({ ok: true, term: 1, limits, keepalive: 15 }) as const);
  const { socket, outcome, answer } = start({ authorize: () => new Promise((resolve) => decide.push(resolve)), admit });
  answer();
  await expect.poll(() => decide.length).toBe(1);
  socket.onclose?.(null);
  decide[0]?.(true);
  expect(await outcome).toBe('connection-lost');
  await nextTurn();
  expect(admit).not.toHaveBeenCalled();
});

test('answers of one turn are verified in a turn each', async () => {
  const authorize = vi.fn(() => false);
  const crowd = [start({ authorize }), start({ authorize }), start({ authorize })];
  for (const { answer } of crowd) answer();
  for (const verified of [0, 1, 2, 3]) {
    expect(authorize).toHaveBeenCalledTimes(verified);
    await nextTurn();
  }
  for (const { outcome } of crowd) expect(await outcome).toBe('forbidden');
});

test('a connection is counted once as accepted, and once by its outcome', async () => {
  const good = start();
  good.answer();
  (await good.accepted).close({ code: 'normal', detail: '' });
  expect([good.counters.accepted, good.counters.registered, good.counters.refusals.size]).toEqual([1, 1, 0]);
  const bad = start({ authorize: () => false });
  bad.answer();
  await bad.outcome;
  bad.socket.onclose?.(null);
  expect([bad.counters.accepted, bad.counters.registered]).toEqual([1, 0]);
  expect(Object.fromEntries(bad.counters.refusals)).toEqual({ forbidden: 1 });
});

test('a proof for another relay is refused: not in `hosts`, or without them not this machine', async () => {
  for (const [hosts, host, expected] of [
    [undefined, 'localhost:8787', 'registered'],
    [undefined, 'relay.example', 'registration-refused'],
    [['relay.example'], 'relay.example', 'registered'],
    [['relay.example'], 'localhost', 'registration-refused'],
  ] as const) {
    const { accepted, outcome, answer } = start(hosts === undefined ? {} : { hosts });
    answer(host);
    expect([host, await outcome]).toEqual([host, expected]);
    if (expected === 'registered') (await accepted).close({ code: 'normal', detail: '' });
  }
});

test.each(['authorize', 'admit'] as const)('%s that never answers fails after 10 s', async (which) => {
  vi.useFakeTimers();
  const { socket, outcome, answer } = start({ [which]: () => new Promise<never>(() => {}) });
  answer();
  await vi.advanceTimersByTimeAsync(9_900);
  expect(socket.ended).toBeNull();
  await vi.advanceTimersByTimeAsync(200);
  expect(await outcome).toBe('try-again-later');
  expect(socket.ended).toBe(1013);
});

test('a client that leaves during admission is released, and not registered', async () => {
  const admission: ((admitted: Admission) => void)[] = [];
  let signal: AbortSignal | undefined;
  const { socket, counters, outcome, answer } = start({
    admit: (_key, _term, applicant) => {
      signal = applicant.signal;
      return new Promise((resolve) => admission.push(resolve));
    },
  });
  answer();
  await expect.poll(() => signal).toBeDefined();
  socket.onclose?.(null);
  expect(await outcome).toBe('connection-lost');
  expect(signal?.aborted).toBe(true);
  admission[0]?.({ ok: true, term: 1, limits, keepalive: 15 });
  await nextTurn();
  expect([counters.registered, socket.frames.length]).toEqual([0, 1]); // the challenge alone
});

test('a client that leaves before its answer is verified is not authorized', async () => {
  const authorize = vi.fn(() => true);
  const { socket, outcome, answer } = start({ authorize });
  answer();
  socket.onclose?.(null);
  expect(await outcome).toBe('connection-lost');
  await nextTurn();
  expect(authorize).not.toHaveBeenCalled();
});

test('what a refused client still sends takes no turn from others', async () => {
  const refused = start({ authorize: () => false });
  refused.answer();
  await refused.outcome;
  refused.socket.onmessage?.('more');
  const authorize = vi.fn(() => false);
  const { outcome, answer } = start({ authorize });
  answer();
  await nextTurn();
  expect(authorize).toHaveBeenCalledOnce();
  await outcome;
});

test('the lesser of the relay’s and the router’s largest message holds', async () => {
  for (const [router, server, told] of [
    [200_000, 100_000, 100_000],
    [70_000, 100_000, 70_000],
  ] as const) {
    const admit = () => ({ ok: true, term: 1, limits: { ...limits, maxMessage: router }, keepalive: 15 }) as const;
    const { socket, accepted, answer } = start({ admit, maxMessage: server });
    answer();
    const registered = await accepted;
    expect(socket.frames.at(-1)).toMatchObject({ limits: { maxMessage: told } });
    registered.close({ code: 'normal', detail: '' });
  }
});

test('a host that no client could dial is named in the error', async () => {
  const { outcome } = start({ hosts: ['relay.example', 'https://relay.example/'] });
  expect(await outcome).toBe('RangeError: hosts: https://relay.example/ must be name or name:port');
});

test('a refused client that does not close is cut off after 2 s', async () => {
  vi.useFakeTimers();
  const { socket, outcome, answer } = start({ authorize: () => false });
  const terminate = vi.spyOn(socket, 'terminate');
  answer();
  await vi.advanceTimersByTimeAsync(1_900);
  expect(await outcome).toBe('forbidden');
  expect(terminate).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(terminate).toHaveBeenCalledOnce();
});

test('leaves no timer except the shared one', async () => {
  vi.useFakeTimers();
  const { accepted, answer } = start({ authorize: () => true });
  answer();
  await vi.advanceTimersByTimeAsync(50);
  const socket = await accepted;
  expect(vi.getTimerCount()).toBe(1);
  socket.close({ code: 'normal', detail: '' });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(vi.getTimerCount()).toBe(0);
  const refused = start();
  refused.socket.onclose?.(null);
  await refused.outcome;
  expect(vi.getTimerCount()).toBe(0);
});

test('a process may end although a refused client does not close', async () => {
  const { outcome, answer } = start({ authorize: () => false });
  const timers = vi.spyOn(globalThis, 'setTimeout');
  answer();
  expect(await outcome).toBe('forbidden');
  const held = timers.mock.calls.flatMap(([, ms], at) =>
    ms === 2_000 ? [timers.mock.results[at]?.value.hasRef()] : [],
  );
  expect(held).toEqual([false]);
  timers.mockRestore();
});

test('a client that says nothing is waited for with one timer, for 5 s', async () => {
  vi.useFakeTimers();
  vi.advanceTimersByTime(10_000); // the process runs for a while already
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const { socket, outcome } = start();
  await vi.advanceTimersByTimeAsync(4_900);
  expect([timers.mock.calls.length, socket.ended]).toEqual([1, null]);
  timers.mockRestore();
  await vi.advanceTimersByTimeAsync(200);
  expect([await outcome, socket.ended]).toEqual(['registration-timeout', 4408]);
});
