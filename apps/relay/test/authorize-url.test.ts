import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AuthorizeUrl } from '../src/authorize-url.js';

// The service is a fetch of the tests': each question and how it is answered.
let asked: { url: unknown; init: RequestInit }[];
let answer: () => Response | Promise<Response>;
beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  vi.stubGlobal('fetch', async (url: unknown, init: RequestInit) => {
    asked.push({ url, init });
    return answer();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const says = (body: unknown, status = 200) => {
  answer = () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
};
const client = { publicKey: 'a', token: null, address: '192.0.2.1' };
const service = (options = {}) => new AuthorizeUrl({ url: 'https://accounts.example/', ...options });

test('the service gets a POST with JSON and the secret; a redirect is an error', async () => {
  says({ allow: true });
  const signal = vi.spyOn(AbortSignal, 'timeout');
  await service().ask(client);
  await service({ secret: 'between us', timeoutMs: 70 }).ask(client);
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
  const question = { method: 'POST', redirect: 'error', body: JSON.stringify(client), signal: expect.anything() };
  expect(asked).toEqual([
    { url: 'https://accounts.example/', init: { ...question, headers } },
    {
      url: 'https://accounts.example/',
      init: { ...question, headers: { ...headers, Authorization: 'Bearer between us' } },
    },
  ]);
  expect(signal.mock.calls).toEqual([[5_000], [70]]);
});

test.each<[object, unknown]>([
  [{ allow: false }, false],
  [{ allow: false, messagesPerSecond: 5 }, false],
  [{ allow: true }, true],
  [{ allow: true, messagesPerSecond: null, bytesPerSecond: null, cacheSeconds: null }, true],
  [{ allow: true, messagesPerSecond: 1 }, { rate: { messagesPerSecond: 1 } }],
  [
    { allow: true, messagesPerSecond: 5, bytesPerSecond: 6, more: 7 },
    { rate: { messagesPerSecond: 5, bytesPerSecond: 6 } },
  ],
])('the answer %j means %j', async (body, expected) => {
  says(body);
  expect(await service().ask(client)).toEqual(expected);
});

test.each<[unknown, string, number?]>([
  ['{', 'the answer is not JSON'],
  [null, 'the answer is not JSON'],
  ['null', 'the answer is not a JSON object'],
  ['7', 'the answer is not a JSON object'],
  [{ allow: 1 }, 'allow must be true or false'],
  [{ allow: true, messagesPerSecond: 0.5 }, 'messagesPerSecond must be a whole number above 0'],
  [{ allow: true, bytesPerSecond: 2 ** 60 }, 'bytesPerSecond must be a whole number above 0'],
  [{ allow: true, messagesPerSecond: 0 }, 'messagesPerSecond must be a whole number above 0'],
  ['{"allow":true,"bytesPerSecond":1e999}', 'bytesPerSecond must be a whole number above 0'],
  [{ allow: true, bytesPerSecond: '5' }, 'bytesPerSecond must be a whole number above 0'],
  [{ allow: true, cacheSeconds: -1 }, 'cacheSeconds must be 0 or more'],
  [{ allow: true, cacheSeconds: '60' }, 'cacheSeconds must be 0 or more'],
  [{ allow: true, filler: 'x'.repeat(65_536) }, 'the answer has more than 65536 bytes'],
  [null, 'status 204, not 200', 204],
  [{ allow: true }, 'status 404, not 200', 404],
])('%.60j is refused: %s', async (body, complaint, status = 200) => {
  if (body === null) answer = () => new Response(null, { status });
  else says(body, status);
  const asking = service();
  await expect(asking.ask(client)).rejects.toThrow(complaint);
  // It is not kept: the next question goes to the service.
  says({ allow: true });
  expect([await asking.ask(client), asked.length]).toEqual([true, 2]);
});

test('an answer of 64 KiB is read, even if split within a character', async () => {
  const [start, end] = ['{"allow":true,"filler":"', '"}'];
  const text = `${start}${'é'.repeat((65_536 - start.length - end.length) / 2)}${end}`;
  const bytes = Buffer.from(text);
  expect(bytes).toHaveLength(65_536);
  const parts = [bytes.subarray(0, 31), bytes.subarray(31)];
  answer = () => new Response(new Blob([...parts]).stream());
  expect(await service().ask(client)).toBe(true);
});

test('an answer is kept for its cacheSeconds, at most a day, then asked for again', async () => {
  for (const [cacheSeconds, keptMs] of [
    [60, 60_000],
    [10_000_000, 86_400_000],
  ] as const) {
    asked = [];
    says({ allow: true, cacheSeconds });
    const asking = service();
    await asking.ask(client);
    vi.advanceTimersByTime(keptMs - 1);
    await asking.ask(client);
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1);
    says({ allow: false });
    expect([await asking.ask(client), asked.length]).toEqual([false, 2]);
    // What is not to be kept any more is forgotten.
    expect([await asking.ask(client), asked.length]).toEqual([false, 3]);
  }
});

test('an answer is kept per key and token', async () => {
  says({ allow: true, cacheSeconds: 60 });
  const asking = service();
  for (const other of [client, { ...client, token: 't' }, { ...client, token: 'u' }, { ...client, publicKey: 'b' }])
    await asking.ask(other);
  await asking.ask({ ...client, address: null });
  await asking.ask({ ...client, token: 'u' });
  expect(asked).toHaveLength(4);
});

test('10,000 answers are kept; the oldest is dropped first', async () => {
  says({ allow: true, cacheSeconds: 60 });
  const asking = service();
  const ask = (n: number) => asking.ask({ ...client, publicKey: String(n) });
  for (let n = 0; n < 10_000; n++) await ask(n);
  await ask(0);
  expect(asked).toHaveLength(10_000);
  await ask(10_000); // takes the place of 0
  for (const n of [1, 9_999, 10_000]) await ask(n);
  expect(asked).toHaveLength(10_001);
  await ask(0);
  expect(asked).toHaveLength(10_002);
});
