import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { next, pairOf, SUBJECTS } from './server-subjects.js';

describe.each(SUBJECTS)('the interface of ws’s server: %s', (_name, subject) => {
  const withPair = pairOf(subject);

  test('constants are fixed and enumerable, on the class and on its prototype; accessors are enumerable', () =>
    withPair(async (socket) => {
      const prototype = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(socket));
      for (const [name, value] of Object.entries({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 })) {
        const fixed = { value, enumerable: true, writable: false, configurable: false };
        expect(prototype[name]).toEqual(fixed);
        expect(Object.getOwnPropertyDescriptor(socket.constructor, name)).toEqual(fixed);
      }
      for (const name of ['bufferedAmount', 'extensions', 'isPaused', 'protocol', 'readyState', 'url'])
        expect([name, prototype[name]]).toEqual([
          name,
          { get: expect.any(Function), set: undefined, enumerable: true, configurable: true },
        ]);
      for (const name of ['binaryType', 'onclose', 'onerror', 'onmessage', 'onopen'])
        expect([name, prototype[name]]).toEqual([
          name,
          { get: expect.any(Function), set: expect.any(Function), enumerable: true, configurable: true },
        ]);
      expect([socket.readyState, socket.protocol, socket.extensions, socket.isPaused]).toEqual([1, '', '', false]);
      expect(socket.bufferedAmount).toBe(0);
    }));

  test('binaryType accepts its three values and ignores others', () =>
    withPair(async (socket) => {
      const seen: string[] = [socket.binaryType];
      for (const type of ['arraybuffer', 'foo', 'fragments', '', null, 'nodebuffer']) {
        Reflect.set(socket, 'binaryType', type);
        seen.push(socket.binaryType);
      }
      expect(seen).toEqual([
        'nodebuffer',
        'arraybuffer',
        'arraybuffer',
        'fragments',
        'fragments',
        'fragments',
        'nodebuffer',
      ]);
    }));

  test('attributes, addEventListener and on keep separate listeners', () =>
    withPair(async (socket) => {
      const calls: string[] = [];
      const shared = () => calls.push('shared');
      const count = (type: string) => socket.listenerCount(type);
      const before = count('message');
      expect(socket.onmessage).toBe(null);
      socket.on('message', shared);
      expect(socket.onmessage).toBe(null);
      socket.addEventListener('message', shared);
      socket.addEventListener('message', shared);
      socket.onmessage = shared;
      expect([socket.onmessage, count('message') - before]).toEqual([shared, 3]);
      socket.removeEventListener('message', () => {});
      socket.removeEventListener('message', shared);
      expect(count('message') - before).toBe(2);
      socket.emit('message', Buffer.from('x'), false);
      expect(calls).toEqual(['shared', 'shared']);
      Reflect.set(socket, 'onmessage', 'not a function');
      expect([socket.onmessage, count('message') - before]).toEqual([null, 1]);
      socket.off('message', shared);
      Reflect.apply(socket.addEventListener, socket, ['foo', shared]);
      expect(count('foo')).toBe(0);
      socket.addEventListener('close', shared, { once: true });
      const closes = count('close');
      socket.emit('close', 1000, Buffer.from('why'));
      expect([calls.length, count('close')]).toEqual([3, closes - 1]);
    }));

  test('function and object listeners get events with type, target and their fields', () =>
    withPair(async (socket, client) => {
      const seen: unknown[] = [];
      const handler = {
        handleEvent: (event: { type: string; target: unknown }) => seen.push([event.type, event.target === socket]),
      };
      for (const type of ['open', 'message', 'close', 'error'] as const)
        Reflect.apply(socket.addEventListener, socket, [type, handler]);
      socket.onmessage = ({ data }) => seen.push(typeof data === 'string' ? data : Buffer.isBuffer(data));
      socket.onclose = ({ code, reason, wasClean }) => seen.push([code, reason, wasClean]);
      socket.onerror = ({ error, message }) => seen.push([error.message, message]);
      socket.emit('open');
      socket.emit('error', new Error('forced'));
      client.send('text');
      await once(socket, 'message');
      client.send(new Uint8Array(2));
      await once(socket, 'message');
      client.close(4321, 'wéll');
      await once(socket, 'close');
      expect(seen).toEqual([
        ['open', true],
        ['error', true],
        ['forced', 'forced'],
        ['message', true],
        'text',
        ['message', true],
        true,
        ['close', true],
        [4321, 'wéll', true],
      ]);
    }));

  test('send accepts every kind of data and throws TypeError for others', () =>
    withPair(async (socket, client) => {
      const { buffer } = Uint8Array.of(1, 2, 3, 4);
      const cases: [data: unknown, options: object, arrives: string | number[]][] = [
        ['text', {}, 'text'],
        ['', {}, ''],
        [7, {}, '7'],
        [0, {}, '0'],
        [undefined, {}, []],
        [null, {}, []],
        [false, {}, []],
        [[5, 6, 300], {}, [5, 6, 44]],
        [Buffer.from('é'), {}, [0xc3, 0xa9]],
        [Buffer.from('é'), { binary: false }, 'é'],
        ['é', { binary: true }, [0xc3, 0xa9]],
        ['compressed?', { compress: true, fin: true }, 'compressed?'],
        [buffer, {}, [1, 2, 3, 4]],
        [new DataView(buffer, 1, 2), {}, [2, 3]],
        [new Uint16Array(buffer, 2), {}, [3, 4]],
        [new Blob(['é']), {}, [0xc3, 0xa9]],
      ];
      const received: unknown[] = [];
      const all = new Promise<void>((resolve) => {
        client.onmessage = ({ data }) => {
          received.push(typeof data === 'string' ? data : [...new Uint8Array(data)]);
          if (received.length === cases.length) resolve();
        };
      });
      for (const [data, options] of cases) Reflect.apply(socket.send, socket, [data, options]);
      await all;
      expect(received).toEqual(cases.map(([, , arrives]) => arrives));
      for (const data of [true, {}, () => {}, Symbol('data')])
        expect(() => Reflect.apply(socket.send, socket, [data])).toThrow(TypeError);
    }));

  test('callbacks of send, ping and pong run in order and later; once closed, with an error', () =>
    withPair(async (socket, client) => {
      const calls: unknown[] = [];
      const called = (name: string) => (error?: Error | null) => calls.push([name, error?.message ?? null]);
      socket.send('a', called('a'));
      socket.send('b', {}, called('b'));
      await new Promise<void>((resolve) => {
        socket.send('c', { binary: false }, () => resolve());
        expect(calls).toEqual([]);
      });
      expect(calls).toEqual([
        ['a', null],
        ['b', null],
      ]);
      calls.length = 0;
      const closed = next(client, 'close');
      socket.close(1000, 'done');
      socket.send('late', called('send'));
      socket.ping('late', false, called('ping'));
      socket.pong(called('pong'));
      expect(() => socket.send('no callback')).not.toThrow();
      await once(socket, 'close');
      const closing = 'WebSocket is not open: readyState 2 (CLOSING)';
      expect(calls).toEqual([
        ['send', closing],
        ['ping', closing],
        ['pong', closing],
      ]);
      await new Promise<void>((resolve) =>
        socket.send('later', (error) => {
          expect(error?.message).toBe('WebSocket is not open: readyState 3 (CLOSED)');
          resolve();
        }),
      );
      expect((await closed).reason).toBe('done');
    }));

  test('pong returns ping’s data of any kind; over 125 bytes throw RangeError', () =>
    withPair(async (socket) => {
      for (const [data, pong] of [
        ['text', 'text'],
        [Uint8Array.of(0x61, 0x62), 'ab'],
        [Buffer.from('buffer'), 'buffer'],
        [42, '42'],
        [undefined, ''],
      ] as const) {
        const answer = once(socket, 'pong');
        await new Promise<void>((resolve) => socket.ping(data, undefined, () => resolve()));
        const [bytes] = await answer;
        expect([Buffer.isBuffer(bytes), String(bytes)]).toEqual([true, pong]);
      }
      for (const name of ['ping', 'pong'] as const)
        expect(() => socket[name]('x'.repeat(126))).toThrow(
          new RangeError('The data size must not be greater than 125 bytes'),
        );
    }));

  test('close sends no reason without a code, and checks arguments only while open', () =>
    withPair(async (socket, client) => {
      for (const code of ['error', 999, 1004, 1005, 1006, 1015, 2999, 5000])
        expect(() => Reflect.apply(socket.close, socket, [code])).toThrow(
          new TypeError('First argument must be a valid error code number'),
        );
      expect(() => socket.close(1000, 'a'.repeat(124))).toThrow(
        new RangeError('The message must not be greater than 123 bytes'),
      );
      expect(socket.readyState).toBe(1);
      const closed = next(client, 'close');
      Reflect.apply(socket.close, socket, [undefined, 'unheard']);
      expect(socket.readyState).toBe(2);
      expect(() => socket.close(1)).not.toThrow();
      const [code, reason] = await once(socket, 'close');
      expect([code, String(reason)]).toEqual([1005, '']);
      const { code: seen, reason: text } = await closed;
      expect([seen, text, socket.readyState]).toEqual([1005, '', 3]);
      expect(() => socket.close(1)).not.toThrow();
      expect(() => socket.terminate()).not.toThrow();
    }));

  test.each([1000, 1001, 1003, 1008, 1011, 1012, 1013, 1014, 3000, 4999])(
    'close code %i arrives, with the reason as a Buffer',
    (code) =>
      withPair(async (socket, client) => {
        const closed = next(client, 'close');
        socket.close(code, Buffer.from('some reason'));
        const event = await closed;
        expect([event.code, event.reason, event.wasClean]).toEqual([code, 'some reason', true]);
        const [own, reason] =
          socket.readyState === 3 ? [code, Buffer.from('some reason')] : await once(socket, 'close');
        expect([own, String(reason)]).toEqual([code, 'some reason']);
      }),
  );

  test('everything sent before or during close arrives, and messages are received until the peer has closed', () =>
    withPair(async (socket, client) => {
      const received: unknown[] = [];
      client.addEventListener('message', ({ data }) => received.push(data));
      const heard: string[] = [];
      socket.on('message', (data) => heard.push(String(data)));
      client.send('on its way');
      for (const text of ['foo', 'bar', 'baz']) socket.send(text);
      const closed = next(client, 'close');
      socket.close();
      socket.close();
      expect((await closed).code).toBe(1005);
      if (socket.readyState !== 3) await once(socket, 'close');
      expect([received, heard]).toEqual([['foo', 'bar', 'baz'], ['on its way']]);
    }));

  test('pause holds messages, resume releases them; after close neither does anything', () =>
    withPair(async (socket, client) => {
      const heard: string[] = [];
      socket.on('message', (data) => heard.push(String(data)));
      socket.pause();
      expect(socket.isPaused).toBe(true);
      client.send('held');
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      expect(heard).toEqual([]);
      socket.resume();
      expect(socket.isPaused).toBe(false);
      while (heard.length === 0) await new Promise(setImmediate);
      client.close();
      await once(socket, 'close');
      socket.pause();
      socket.resume();
      expect(socket.isPaused).toBe(false);
    }));

  test('a request is an IncomingMessage with path, query and a readable and writable socket', () =>
    withPair(
      async (socket, client, _server, request) => {
        expect(request).toBeInstanceOf(IncomingMessage);
        expect([request.method, request.url, request.httpVersion]).toEqual(['GET', '/a%20b?foo=bar&x=', '1.1']);
        const { upgrade, 'sec-websocket-version': version, 'sec-websocket-protocol': offered } = request.headers;
        expect([upgrade, version, String(offered).replaceAll(' ', '')]).toEqual(['websocket', '13', 'foo,bar']);
        expect([request.socket.readable, request.socket.writable, request.socket.destroyed]).toEqual([
          true,
          true,
          false,
        ]);
        expect(typeof request.socket.remoteAddress).toBe('string');
        // Without `handleProtocols` it is the first.
        expect([socket.protocol, client.protocol]).toEqual(['foo', 'foo']);
      },
      {},
      '/a%20b?foo=bar&x=',
      ['foo', 'bar'],
    ));
});
