// What this package does with each platform: a browser's, with fakes of its parts, and Node's.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { onPageHide } from '../src/on-page-hide.js';
import { nodeCloseEvent } from '../src/platform/close-event.js';
import { takeLockTurn } from '../src/platform/lock-turn.js';
import * as node from '../src/platform/node.js';
import { takeFreeTurn } from '../src/platform/turn.js';
import * as web from '../src/platform/web.js';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

type Hold = (lock: object | null) => Promise<void> | void;
interface Asked {
  readonly options: LockOptions;
  /** The lock is given, or with `null` is not free. */
  give(lock?: object | null): void;
  fail(error: unknown): void;
  /** Whether whoever holds it has given it back. */
  over: boolean;
}

describe('a tab’s turn, by Web Locks', () => {
  let asked: Asked[];
  let told: string[];
  const events = { granted: () => void told.push('granted'), waiting: (why: string) => void told.push(why) };
  const TAKEN = 'another tab of this browser is registered with this identity';
  const STOLEN = 'another tab of this browser has taken over';
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    asked = [];
    told = [];
    const request = (name: string, options: LockOptions, hold: Hold): Promise<void> =>
      new Promise((resolve, reject) => {
        expect(name).toBe('name');
        const one: Asked = {
          options,
          over: false,
          give(lock = {}) {
            void Promise.resolve(hold(lock)).then(() => {
              one.over = true;
              resolve();
            });
          },
          fail: reject,
        };
        options.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
        asked.push(one);
      });
    vi.stubGlobal('navigator', { locks: { request } });
    vi.useFakeTimers({ toFake: ['setTimeout'] });
  });
  afterEach(() => void vi.useRealTimers());

  const take = () => takeLockTurn('name', events);
  const last = (): Asked => asked.at(-1) as Asked;

  test('is granted if the lock is free, and returned by release', async () => {
    const turn = take();
    expect(asked.map(({ options }) => options)).toEqual([{ ifAvailable: true }]);
    last().give();
    expect([told, last().over]).toEqual([['granted'], false]);
    turn.takeOver(); // it has it
    turn.release();
    await settled();
    expect([asked.length, last().over, told]).toEqual([1, true, ['granted']]);
  });

  test('waits until another tab releases it', async () => {
    const turn = take();
    last().give(null);
    expect([told, asked.length]).toEqual([[TAKEN], 2]);
    expect(Object.keys(last().options)).toEqual(['signal']);
    last().give();
    expect(told).toEqual([TAKEN, 'granted']);
    turn.release();
    await settled();
    expect(last().over).toBe(true);
  });

  test('is taken over by stealing, which ends the wait', async () => {
    const turn = take();
    last().give(null);
    const waiting = last();
    turn.takeOver();
    expect([waiting.options.signal?.aborted, last().options]).toEqual([true, { steal: true }]);
    last().give();
    turn.takeOver(); // it has it now
    expect([told, asked.length]).toEqual([[TAKEN], 3]);
    // The other tab has a moment to tell its peers that it goes.
    vi.advanceTimersByTime(200);
    expect(told).toEqual([TAKEN, 'granted']);
  });

  test.each(['stolen back', 'released'])('a stolen turn that is %s at once is not granted', async (end) => {
    const turn = take();
    last().give(null);
    turn.takeOver();
    last().give();
    if (end === 'released') turn.release();
    else last().fail(new DOMException('stolen', 'AbortError'));
    await settled();
    vi.advanceTimersByTime(200);
    expect(told).toEqual(end === 'released' ? [TAKEN] : [TAKEN, STOLEN]);
  });

  test('waits again after another tab took it over, and can take it back', async () => {
    const turn = take();
    last().give();
    last().fail(new DOMException('stolen', 'AbortError'));
    await settled();
    expect([told, asked.length]).toEqual([['granted', STOLEN], 2]);
    turn.takeOver();
    expect(last().options).toEqual({ steal: true });
    last().give();
    vi.advanceTimersByTime(200);
    expect(told).toEqual(['granted', STOLEN, 'granted']);
  });

  test('stops waiting when released, and ignores later grants', async () => {
    const turn = take();
    last().give(null);
    const waiting = last();
    turn.release();
    expect(waiting.options.signal?.aborted).toBe(true);
    waiting.give();
    turn.takeOver();
    await settled();
    expect([told, asked.length, waiting.over]).toEqual([[TAKEN], 2, true]);
    const other = take();
    other.release();
    last().give(null);
    last().fail(new DOMException('stolen', 'AbortError'));
    await settled();
    expect([told, asked.length]).toEqual([[TAKEN], 3]);
    take().release();
    last().fail(new DOMException('no locks here', 'SecurityError'));
    await settled();
    expect([told, asked.length]).toEqual([[TAKEN], 4]);
  });

  test('is granted if a page may not use locks, or there are none', async () => {
    const turn = take();
    last().fail(new DOMException('no locks here', 'SecurityError'));
    await settled();
    expect(told).toEqual(['granted']);
    turn.takeOver(); // nobody to take it from
    expect(asked).toHaveLength(1);
    turn.release();
    vi.stubGlobal('navigator', {});
    take().takeOver();
    vi.stubGlobal('navigator', undefined);
    take().release();
    expect([told, asked.length]).toEqual([['granted', 'granted', 'granted'], 1]);
  });

  test('is granted at once where there are no tabs', () => {
    const turn = takeFreeTurn('name', events);
    turn.takeOver();
    turn.release();
    expect(told).toEqual(['granted']);
    expect(node.acquireTabLock).toBe(takeFreeTurn);
  });
});

test('an unloading page is noticed, a cached one is not, until cancelled', () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
  let away = 0;
  const stop = onPageHide(() => away++);
  const hide = (persisted: boolean) => page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted }));
  hide(true);
  expect(away).toBe(0);
  hide(false);
  expect(away).toBe(1);
  stop();
  hide(false);
  expect(away).toBe(1);
  vi.unstubAllGlobals();
  onPageHide(() => away++)(); // where there are no pages
});

describe('a close event', () => {
  const fields = { code: 4001, reason: 'why', wasClean: true };

  test('is the runtime’s, if it has one', () => {
    class Own extends Event {
      readonly init: object;
      constructor(type: string, init: object) {
        super(type);
        this.init = init;
      }
    }
    vi.stubGlobal('CloseEvent', Own);
    for (const made of [nodeCloseEvent(fields), web.closeEvent(fields)] as unknown as Own[])
      expect([made.constructor, made.type, made.init]).toEqual([Own, 'close', fields]);
  });

  test('is our own equal class, if the runtime has none', () => {
    vi.stubGlobal('CloseEvent', undefined);
    const made = nodeCloseEvent(fields);
    expect([made.type, made.code, made.reason, made.wasClean]).toEqual(['close', 4001, 'why', true]);
    expect([Object.prototype.toString.call(made), made.constructor.name]).toEqual([
      '[object CloseEvent]',
      'CloseEvent',
    ]);
    const prototype = Object.getPrototypeOf(made);
    expect(Object.keys(prototype).sort()).toEqual(['code', 'reason', 'wasClean']);
    const plain = new (made.constructor as new (type: string) => CloseEvent)('close');
    expect([plain.code, plain.reason, plain.wasClean]).toEqual([0, '', false]);
    expect(Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.configurable).toBe(true);
  });
});

test.each([
  ['18.20.8', false],
  ['19.9.0', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['21.0.0', true],
])('Node %s: used %s', async (version, taken) => {
  vi.resetModules();
  vi.stubGlobal('process', Object.create(process, { versions: { value: { ...process.versions, node: version } } }));
  const loaded = import('../src/platform/node.js');
  if (taken) await loaded;
  else await expect(loaded).rejects.toThrow(`@sws/client needs Node 20.19 or newer; this is Node ${version}`);
});

test('the platform’s WebSocket is read before this package replaces it', async () => {
  class Own {}
  vi.stubGlobal('WebSocket', Own);
  const { webSocketFor } = await import('../src/platform/web.js');
  vi.stubGlobal('WebSocket', class {});
  expect(webSocketFor(undefined)).toBe(Own);
});

test.runIf(process.platform === 'linux')(
  'the identity is locked in the user’s config folder, and waiting for it prints a message',
  async () => {
    const config = mkdtempSync(join(tmpdir(), 'sws-config-'));
    vi.stubEnv('XDG_CONFIG_HOME', config);
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    try {
      const path = join(config, 'sws', 'identity');
      const [first, second] = [node.defaultStore(), node.defaultStore()];
      const seed = await first.loadOrCreate(() => new Uint8Array(32).fill(7));
      expect([existsSync(path), warned.mock.calls.length]).toEqual([true, 0]);
      const waiting = second.loadOrCreate(() => new Uint8Array(32));
      await vi.waitFor(() => expect(warned).toHaveBeenCalledOnce());
      const message = `The identity ${path} is locked by another process, or by one that was killed: SWS waits for it, at most 12 s.`;
      expect(warned.mock.calls).toEqual([[message, { type: 'SwsWarning', code: 'identity-in-use' }]]);
      await first.close?.();
      expect(await waiting).toEqual(seed);
      await second.close?.();
    } finally {
      warned.mockRestore();
      vi.unstubAllEnvs();
      rmSync(config, { recursive: true });
    }
  },
);

test('URLs are relative to the page’s base or the worker’s location, and to nothing in Node', () => {
  expect([web.baseUrl(), node.baseUrl()]).toEqual([undefined, undefined]);
  vi.stubGlobal('location', { href: 'https://chat.example/worker.js' });
  expect(web.baseUrl()).toBe('https://chat.example/worker.js');
  vi.stubGlobal('document', { baseURI: 'https://chat.example/base/' });
  expect(web.baseUrl()).toBe('https://chat.example/base/');
});

test('a tab holds at most 64 MiB for all peers, and 20 MiB for one', () => {
  expect(web.defaultMemory).toEqual({ maxMemoryBytes: 67_108_864, maxPeerMemoryBytes: 20_971_520 });
});

test('in Node a timer does not keep the process; in a browser there is nothing to do', () => {
  let kept = true;
  const timer = {
    unref: () => {
      kept = false;
    },
  };
  web.unref(timer);
  expect(kept).toBe(true);
  node.unref(timer);
  node.unref(7); // a browser's timer is a number
  expect(kept).toBe(false);
});

describe('tasks', () => {
  const order = async (): Promise<string[]> => {
    const { queueTask, markEventFired, hasEventFired } = await import('../src/task.js');
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      queueTask(() => {
        seen.push('first');
        markEventFired();
        markEventFired();
        seen.push(String(hasEventFired()));
        queueMicrotask(() => seen.push('its microtask'));
        queueTask(() => seen.push('third'));
        queueTask(resolve);
      });
      queueTask(() => seen.push(`second ${hasEventFired()}`));
    });
    queueMicrotask(() => seen.push('microtask'));
    seen.push('now');
    await done;
    return seen;
  };
  const RIGHT = ['now', 'microtask', 'first', 'true', 'its microtask', 'second false', 'third'];

  test('run in order, after the current task and its microtasks', async () => {
    expect(await order()).toEqual(RIGHT);
  });

  test('run the same in a browser, as messages', async () => {
    const ports: MessagePort[] = [];
    const { MessageChannel: Inner } = globalThis;
    vi.stubGlobal(
      'MessageChannel',
      class extends Inner {
        constructor() {
          super();
          ports.push(this.port1);
        }
      },
    );
    vi.stubGlobal('setImmediate', undefined);
    expect(await order()).toEqual(RIGHT);
    expect(ports).toHaveLength(1);
    for (const port of ports) port.close();
  });
});
