import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ConnectionEvent, Endpoint, SecureWebSocketStream, SecureWebSocketStreamError } from '../src/index.js';
import { event, newIdentity, startRelay, type TestRelay } from './relay.js';

let relay: TestRelay;
let alice = newIdentity();
let bob = newIdentity();
let listener: Endpoint;

beforeEach(async () => {
  alice = newIdentity();
  bob = newIdentity();
  relay = await startRelay();
  listener = new Endpoint(relay.url, { identity: bob, windowBytes: 65_536 });
  while (listener.state !== 'registered') await event(listener, 'state');
});
afterEach(async () => {
  await listener.close();
  await relay.kill();
});

/** Alice's stream, and that of the socket which Bob accepts. */
async function pair(): Promise<[SecureWebSocketStream, SecureWebSocketStream]> {
  const accepted = event<ConnectionEvent>(listener, 'connection').then(({ socket }) =>
    SecureWebSocketStream.from(socket),
  );
  const stream = new SecureWebSocketStream(`${relay.url}${bob.publicKey}/file?n=1`, { identity: alice });
  await stream.opened;
  return [stream, await accepted];
}

test('messages flow both ways, text and bytes, before the close', async () => {
  const [a, b] = await pair();
  expect([a.peer, a.resource, b.peer, b.resource]).toEqual([bob.publicKey, '/file?n=1', alice.publicKey, '/file?n=1']);
  const [toBob, toAlice] = [(await a.opened).writable.getWriter(), (await b.opened).writable.getWriter()];
  await toBob.write('héllo');
  await toBob.write(Uint8Array.of(1, 2, 3));
  await toAlice.write('before the end');
  const closing = toBob.close();
  const read: unknown[] = [];
  for await (const message of (await b.opened).readable) read.push(message);
  expect(read).toEqual(['héllo', Uint8Array.of(1, 2, 3)]);
  const reader = (await a.opened).readable.getReader();
  expect(await reader.read()).toEqual({ done: false, value: 'before the end' });
  await closing;
  expect(await reader.read()).toMatchObject({ done: true });
  expect(await Promise.all([a.closed, b.closed])).toEqual([
    { closeCode: 1005, reason: '' },
    { closeCode: 1005, reason: '' },
  ]);
});

test('a stream that is not read stops the peer’s writer', async () => {
  const [a, b] = await pair();
  const writer = (await a.opened).writable.getWriter();
  const chunk = new Uint8Array(32_768);
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 200; i++) {
      chunk[0] = i;
      await writer.write(chunk);
      written++;
    }
    await writer.close();
  })();
  const { readable } = await b.opened;
  // Not read yet: what is written stays below one window and the writer's mark, and then nothing moves.
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(written * chunk.length).toBeLessThan(65_536 + 1_048_576 + chunk.length);
  expect(written).toBeLessThan(200);
  let count = 0;
  for await (const message of readable) expect((message as Uint8Array)[0]).toBe(count++);
  expect(count).toBe(200);
  await writing;
});

test('a failed attempt, an aborted one and a broken stream have their reasons', async () => {
  const nobody = new SecureWebSocketStream(`${relay.url}${newIdentity().publicKey}`, { identity: alice });
  await expect(nobody.opened).rejects.toMatchObject({
    code: 'offline',
    closeCode: 1006,
  } satisfies Partial<SecureWebSocketStreamError>);
  await expect(nobody.closed).rejects.toMatchObject({ code: 'offline' });
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = new SecureWebSocketStream(`${relay.url}${bob.publicKey}`, { identity: alice, signal });
  controller.abort();
  await expect(aborted.opened).rejects.toMatchObject({ name: 'AbortError' });
  await expect(aborted.closed).rejects.toBe(signal.reason);
  const [a, b] = await pair();
  const pending = (await b.opened).readable.getReader().read();
  const closing = (await a.opened).writable.getWriter();
  a.close({ closeCode: 4000, reason: 'enough' });
  await expect(closing.write('too late')).rejects.toMatchObject({ code: 'closed' });
  await expect(b.closed).resolves.toEqual({ closeCode: 4000, reason: 'enough' });
  await expect(pending).resolves.toMatchObject({ done: true });
  const writer = (await b.opened).writable.getWriter();
  await expect(writer.write('too late')).rejects.toMatchObject({ code: 'closed' });
});

test('cancelling the readable closes the stream, and drops later messages', async () => {
  const [a, b] = await pair();
  const writer = (await a.opened).writable.getWriter();
  await writer.write('never read');
  await (await b.opened).readable.cancel();
  await expect(Promise.all([a.closed, b.closed])).resolves.toHaveLength(2);
});

test('an attempt with an aborted signal, or closed while connecting, rejects both promises', async () => {
  let connections = 0;
  listener.addEventListener('connection', () => connections++);
  const reason = new Error('not any more');
  const url = `${relay.url}${bob.publicKey}`;
  const aborted = new SecureWebSocketStream(url, { identity: alice, signal: AbortSignal.abort(reason) });
  await expect(aborted.opened).rejects.toBe(reason);
  await expect(aborted.closed).rejects.toBe(reason);
  const closed = new SecureWebSocketStream(url, { identity: alice });
  closed.close();
  for (const promise of [closed.opened, closed.closed])
    await expect(promise).rejects.toBeInstanceOf(SecureWebSocketStreamError);
  await pair();
  expect(connections).toBe(1);
});

test('a later abort does not close an open stream', async () => {
  const controller = new AbortController();
  const url = `${relay.url}${bob.publicKey}`;
  const accepted = event<ConnectionEvent>(listener, 'connection');
  const stream = new SecureWebSocketStream(url, { identity: alice, signal: controller.signal });
  const { writable } = await stream.opened;
  const { readable } = await SecureWebSocketStream.from((await accepted).socket).opened;
  controller.abort();
  await writable.getWriter().write('still here');
  expect(await readable.getReader().read()).toEqual({ done: false, value: 'still here' });
  stream.close();
  await stream.closed;
});

test('close accepts code and reason as proposed, and both sides see them', async () => {
  for (const [info, closeCode, reason] of [
    [{ closeCode: 3456, reason: 'pizza' }, 3456, 'pizza'],
    [{ reason: 'alone' }, 1000, 'alone'],
    [{}, 1005, ''],
    [undefined, 1005, ''],
  ] as const) {
    const [a, b] = await pair();
    a.close(info);
    expect(await Promise.all([a.closed, b.closed])).toEqual(Array(2).fill({ closeCode, reason }));
  }
  const [a] = await pair();
  const close = (info: unknown) => () => Reflect.apply(a.close, a, [info]);
  for (const info of [true, 7, 'text', { closeCode: -1 }, { closeCode: 70_000 }, { closeCode: 'text' }])
    expect(close(info)).toThrow(TypeError);
  for (const closeCode of [0, 999, 1001, 2999, 5000])
    expect(close({ closeCode })).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
  expect(close({ reason: 'x'.repeat(124) })).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
  a.close();
});

test('abort and cancel close with a SecureWebSocketStreamError’s code; other reasons stay local', async () => {
  for (const end of ['writable', 'readable'] as const) {
    for (const [why, closeCode, reason] of [
      [new SecureWebSocketStreamError('', { closeCode: 4567, reason: 'rice' }), 4567, 'rice'],
      [new SecureWebSocketStreamError('', { reason: 'alone' }), 1000, 'alone'],
      [{ closeCode: 3456, reason: 'set' }, 1005, ''],
      [undefined, 1005, ''],
    ] as const) {
      const [a, b] = await pair();
      const opened = await a.opened;
      if (end === 'writable') await opened.writable.abort(why);
      else await opened.readable.cancel(why);
      expect(await b.closed).toEqual({ closeCode, reason });
    }
  }
  expect(() => new SecureWebSocketStreamError('', { closeCode: 1 })).toThrow(
    expect.objectContaining({ name: 'InvalidAccessError' }),
  );
});

test('throws on arguments that the proposal refuses', () => {
  const construct =
    (...given: unknown[]) =>
    () =>
      Reflect.construct(SecureWebSocketStream, given);
  const url = `${relay.url}${bob.publicKey}`;
  expect(construct()).toThrow(TypeError);
  expect(construct('invalid:')).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
  expect(construct(url, true)).toThrow(TypeError);
  expect(construct(url, { protocols: 'hi' })).toThrow(TypeError);
  expect(construct(url, { protocols: ['a', 'a'] })).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
});

test('a socket of another copy of this package can become streams', async () => {
  vi.resetModules();
  const copy = await import('../src/index.js');
  expect(copy.SecureWebSocketStream).not.toBe(SecureWebSocketStream);
  const listener = new copy.Endpoint(relay.url, { identity: newIdentity() });
  const accepted = event<ConnectionEvent>(listener, 'connection');
  const address = await listener.registered;
  const { writable } = await new SecureWebSocketStream(`${relay.url}${address}`, { identity: newIdentity() }).opened;
  void writable.getWriter().write('between copies');
  const { readable } = await SecureWebSocketStream.from((await accepted).socket).opened;
  expect((await readable.getReader().read()).value).toBe('between copies');
  await listener.close();
});
