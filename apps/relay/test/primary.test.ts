// The first process of several workers, with workers that are no processes: what it does with them, and when.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadSettings } from '../src/settings/load.js';
import type { Settings } from '../src/settings/schema.js';
import { type FromWorker, pathsIn, SIGNALS, type ToWorker } from '../src/workers/orders.js';
import { Primary } from '../src/workers/primary.js';

vi.mock('node:cluster', async () => {
  const { EventEmitter } = await import('node:events');
  return { default: Object.assign(new EventEmitter(), { SCHED_RR: 2, isWorker: false }) };
});
vi.mock('node:timers/promises', () => ({ setTimeout: (ms: number) => new Promise((end) => setTimeout(end, ms)) }));

/** A worker that does as it is told, unless it stands still. */
class Member {
  readonly id = members.length + 1;
  readonly told: ToWorker[] = [];
  readonly killed: unknown[] = [];
  readonly process = { pid: 1_000 + this.id, kill: (signal: unknown) => this.killed.push(signal) };
  still = false;

  send(message: ToWorker): void {
    this.told.push(message);
    if (message.type === 'start') this.says({ type: 'open' });
    if (message.type === 'peers') this.says({ type: 'listening', url: `http://w${this.id}/`, serverKey: 'key' });
    if (message.type === 'alive?') this.says({ type: 'alive' });
  }
  says(message: FromWorker): void {
    if (!this.still) queueMicrotask(() => cluster.emit('message', this, message));
  }
  async ends(code: number | null, signal: string | null = null): Promise<void> {
    cluster.emit('exit', this, code, signal);
    await vi.advanceTimersByTimeAsync(0);
  }
  get slot(): number | undefined {
    return this.told.find((message) => message.type === 'start')?.slot;
  }
}

let members: Member[] = [];
let exit = vi.fn();
let atExit: NodeJS.ExitListener[] = [];
const logged: [message: string, fields: object][] = [];
const say = (fields: object, message: string): void => void logged.push([message, fields]);
const messages = (): string[] => logged.map(([message]) => message);

beforeEach(() => {
  members = [];
  logged.length = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  exit = vi.fn();
  atExit = process.listeners('exit');
  vi.spyOn(process, 'exit').mockImplementation(exit as never);
  vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => {
  cluster.removeAllListeners();
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  for (const end of process.listeners('exit').filter((known) => !atExit.includes(known))) {
    end(0); // its folder is removed
    process.off('exit', end);
  }
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function start(count: number, over: Partial<Settings> = {}, prepare: (member: Member) => void = () => {}) {
  Object.assign(cluster, {
    fork() {
      const member = new Member();
      members.push(member);
      prepare(member);
      member.says({ type: 'hello' });
      return member;
    },
  });
  const settings = { ...loadSettings({}, {}, () => {}), port: 7_000, drainDelay: 1, drainDeadline: 2, ...over };
  return Primary.start(settings, count, { debug: say, info: say, warn: say, error: say });
}
const member = (at: number): Member => {
  const found = members[at];
  if (found === undefined) throw new Error(`no member ${at}`);
  return found;
};

test('the first worker opens the port; each worker dials those before it', async () => {
  await start(3);
  expect(members.map(({ slot }) => slot)).toEqual([1, 2, 3]);
  expect(members.map(({ told }) => told[0])).toMatchObject(
    members.map(({ id }) => ({ type: 'start', slot: id, id, port: 7_000 })),
  );
  const of = <Type extends ToWorker['type']>(at: number, type: Type) =>
    member(at).told.find((message): message is ToWorker & { type: Type } => message.type === type);
  const folder = of(0, 'start')?.folder ?? '';
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const paths = members.map((_, at) => of(at, 'peers')?.paths);
  expect(paths).toEqual([[], [`${folder}/1`], [`${folder}/1`, `${folder}/2`]]);
  expect(logged).toMatchObject([['listening', { url: 'http://w1/', serverKey: 'key', workers: 3, metricsPort: null }]]);
});

test('a worker silent for more than 10 s is killed, and no other', async () => {
  await start(2);
  await vi.advanceTimersByTimeAsync(3_500);
  member(1).still = true;
  await vi.advanceTimersByTimeAsync(10_400);
  expect(members.map(({ killed }) => killed)).toEqual([[], []]);
  await vi.advanceTimersByTimeAsync(200);
  expect(members.map(({ killed }) => killed)).toEqual([[], ['SIGKILL']]);
  expect(logged.at(-1)).toEqual(['a worker stands still: it is ended', { worker: 2, pid: 1_002 }]);
});

test('a worker that does not listen yet is not killed, and its late messages are ignored', async () => {
  await start(2, {}, (one) => {
    one.still = one.id === 3;
  });
  await member(1).ends(1);
  member(1).says({ type: 'alive' });
  await vi.advanceTimersByTimeAsync(60_000);
  expect([members.length, member(2).killed, member(2).told]).toEqual([3, [], []]);
});

test('a dead worker is replaced at once; if it lived less than 10 s, with growing delay up to 30 s', async () => {
  await start(2);
  await vi.advanceTimersByTimeAsync(10_000);
  await member(1).ends(null, 'SIGSEGV');
  expect(member(2).slot).toBe(2);
  expect(logged.slice(1)).toEqual([
    ['a worker has died: it is replaced', { worker: 2, pid: 1_002, how: 'SIGSEGV', inMs: 0 }],
    ['a worker listens in its place', { worker: 2, pid: 1_003 }],
  ]);
  for (const ms of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    const { length } = members;
    await vi.advanceTimersByTimeAsync(9_900);
    await member(length - 1).ends(1);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect([ms, members.length]).toEqual([ms, length]);
    await vi.advanceTimersByTimeAsync(1);
    expect([ms, members.length, member(length).slot]).toEqual([ms, length + 1, 2]);
  }
  await vi.advanceTimersByTimeAsync(10_000);
  await members.at(-1)?.ends(1);
  expect(members.at(-1)?.slot).toBe(2);
  // Another slot has its own count.
  await member(0).ends(1);
  expect([members.at(-1)?.slot, exit.mock.calls]).toEqual([1, []]);
});

test('with systemd’s socket only the last worker’s end ends the process', async () => {
  vi.stubEnv('LISTEN_PID', String(process.pid));
  vi.stubEnv('LISTEN_FDS', '1');
  await start(2);
  await member(0).ends(1);
  expect(exit).not.toHaveBeenCalled();
  await member(1).ends(1);
  expect(exit.mock.calls).toEqual([[1]]);
});

test.each([
  [0, 0],
  [3, 1],
  [null, 1],
])('a worker that can’t start and exits with %s ends all, with %i', async (code, exitCode) => {
  void start(3, {}, (one) => {
    one.still = one.id === 2;
  });
  await vi.waitFor(() => expect(members).toHaveLength(3));
  await member(1).ends(code, code === null ? 'SIGKILL' : null);
  expect(members.map(({ killed }) => killed)).toEqual([['SIGKILL'], [], ['SIGKILL']]);
  expect(exit.mock.calls[0]).toEqual([exitCode]);
});

test('SIGHUP goes to all workers', async () => {
  await start(2);
  process.emit('SIGHUP');
  await vi.advanceTimersByTimeAsync(60_000);
  for (const { told, killed } of members)
    expect([told.filter(({ type }) => type === 'signal'), killed]).toEqual([
      [{ type: 'signal', signal: 'SIGHUP' }],
      [],
    ]);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s goes to all workers, and the process ends when they have',
  async (signal) => {
    await start(2);
    process.emit(signal);
    expect(members.map(({ told }) => told.at(-1))).toEqual(Array(2).fill({ type: 'signal', signal }));
    await member(0).ends(0);
    expect([members.length, exit.mock.calls]).toEqual([2, []]);
    await member(1).ends(0);
    expect([exit.mock.calls, messages().at(-1)]).toEqual([[[0]], 'drained']);
  },
);

test('a worker still running 5 s after its deadline is killed, with a failure', async () => {
  await start(2);
  process.emit('SIGTERM');
  await member(0).ends(0);
  await vi.advanceTimersByTimeAsync(7_990);
  expect(member(1).killed).toEqual([]);
  await vi.advanceTimersByTimeAsync(20);
  expect([member(0).killed, member(1).killed]).toEqual([[], ['SIGKILL']]);
  expect(logged.at(-1)).toEqual(['a worker does not end: it is ended', { worker: 2 }]);
  await member(1).ends(null, 'SIGKILL');
  expect(exit.mock.calls).toEqual([[1]]);
});

test('a second signal kills all workers and ends at once', async () => {
  await start(2);
  process.emit('SIGTERM');
  process.emit('SIGINT');
  expect([members.map(({ killed }) => killed), exit.mock.calls[0]]).toEqual([[['SIGKILL'], ['SIGKILL']], [1]]);
  expect(logged.at(-1)).toEqual(['a second signal: ending at once', { signal: 'SIGINT' }]);
});

test('a signal while a worker is being replaced starts no new one', async () => {
  await start(2);
  for (const at of [0, 1]) await member(at).ends(1);
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGTERM');
  expect(exit.mock.calls).toEqual([[0]]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(members).toHaveLength(2);
});

test('metrics-listen tells how many workers listen, and that the relay is ready until a signal comes', async () => {
  await start(2, { metricsListen: '0' });
  const [, { metricsPort: port }] = logged.at(-1) as [string, { metricsPort: number }];
  const ask = async (path: string): Promise<[status: number | undefined, text: string]> => {
    const [response] = await once(get({ host: '127.0.0.1', port, path, agent: false }), 'response');
    let text = '';
    for await (const part of response) text += part;
    return [response.statusCode, text];
  };
  const [status, metrics] = await ask('/metrics');
  expect([status, /^sws_workers .*/m.exec(metrics)?.[0]]).toEqual([200, 'sws_workers 2']);
  expect(metrics).toMatch(/^process_cpu_seconds_total /m);
  expect((await ask('/readyz'))[0]).toBe(200);
  process.emit('SIGTERM');
  expect((await ask('/readyz'))[0]).toBe(503);
  for (const at of [0, 1]) await member(at).ends(0);
});

test('the sockets of a dead worker are removed', async () => {
  await start(2);
  const folder = member(1).told.find((message) => message.type === 'start')?.folder ?? '';
  const paths = Object.values(pathsIn(folder, member(1).id));
  for (const path of paths) writeFileSync(path, '');
  await member(1).ends(1);
  expect([paths.length, paths.filter((path) => existsSync(path))]).toEqual([2, []]);
});
