// The interface's own shape and conversions, without a relay. Statement by statement it is held to the standard in
// tests/conformance; here is what this package's classes must have whoever uses them.
import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { checkClose } from '../src/close-arguments.js';
import { EventHandlers } from '../src/event-handlers.js';
import { ClientSecureWebSocket, SecureErrorEvent, SecureWebSocket } from '../src/index.js';
import { channelSocketOf } from '../src/secure-web-socket.js';
import { closeFor, readCloseInfo, SecureWebSocketStreamError } from '../src/stream-close.js';
import {
  toClampedUnsignedShort,
  toDictionary,
  toEnforcedUnsignedShort,
  toSendItem,
  toSequence,
  toStringOrSequence,
} from '../src/web-idl.js';
import { event, newIdentity } from './relay.js';

const peer = newIdentity().publicKey;
/** One that never dials: its identity does not come. */
const never = { identity: new Promise<never>(() => {}) };
const make = (path = '/room?x=1', protocols: string | string[] = []) =>
  new ClientSecureWebSocket(`ws://localhost/${peer}${path}`, protocols, never);

describe('a class of sockets', () => {
  const classes = [ClientSecureWebSocket, ClientSecureWebSocket.with(never), SecureWebSocket];

  test('has fixed constants on itself and its prototype', () => {
    const numbers = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
    for (const one of classes)
      for (const owner of [one, one.prototype])
        for (const [name, value] of Object.entries(numbers))
          expect(Object.getOwnPropertyDescriptor(owner, name)).toEqual({
            value,
            enumerable: true,
            writable: false,
            configurable: false,
          });
  });

  test('has exactly the standard’s enumerable members', () => {
    const standard = ['url', 'readyState', 'bufferedAmount', 'onopen', 'onerror', 'onclose', 'extensions', 'protocol'];
    const members = [
      ...standard,
      'close',
      'onmessage',
      'binaryType',
      'send',
      'CONNECTING',
      'OPEN',
      'CLOSING',
      'CLOSED',
    ];
    for (const one of classes) expect(Object.keys(one.prototype).sort()).toEqual([...members].sort());
  });

  test('has the name and lengths of Web IDL', () => {
    expect(classes.map(({ name }) => name)).toEqual(['ClientSecureWebSocket', 'WebSocket', 'SecureWebSocket']);
    for (const one of classes) {
      expect([one.length, one.prototype.close.length, one.prototype.send.length]).toEqual([1, 0, 1]);
      for (const property of ['name', 'length'])
        expect(Object.getOwnPropertyDescriptor(one, property)).toMatchObject({ writable: false, configurable: true });
    }
    expect(Object.prototype.toString.call(make())).toBe('[object WebSocket]');
    expect(Object.getOwnPropertyDescriptor(ClientSecureWebSocket.prototype, Symbol.toStringTag)).toMatchObject({
      enumerable: false,
      configurable: true,
    });
  });

  test('has methods that refuse foreign objects', () => {
    const { prototype } = ClientSecureWebSocket;
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (name === 'constructor') continue;
      if (get !== undefined) expect(() => get.call({}), name).toThrow(new TypeError('Illegal invocation'));
      else if (typeof value === 'function')
        expect(() => value.call({}, 'x'), name).toThrow(new TypeError('Illegal invocation'));
    }
    expect(() => new SecureWebSocket({} as never)).toThrow(new TypeError('Illegal constructor'));
    expect([make() instanceof SecureWebSocket, {} instanceof SecureWebSocket]).toEqual([true, false]);
    expect([null, 1, undefined].map((value) => (value as unknown) instanceof SecureWebSocket)).not.toContain(true);
  });
});

describe('a socket that is connecting', () => {
  test('has its URL, peer and state', () => {
    const socket = make();
    expect([socket.url, socket.peer, socket.resource]).toEqual([`ws://localhost/${peer}/room?x=1`, peer, '/room?x=1']);
    expect([socket.readyState, socket.bufferedAmount, socket.protocol, socket.extensions]).toEqual([0, 0, '', '']);
  });

  test('gives bytes as a Blob or ArrayBuffer; another type is ignored', () => {
    const socket = make();
    const types = ['arraybuffer', 'Blob', 'blob', 'arraybuffer', 'nodebuffer', ''].map((type) => {
      const before = socket.binaryType;
      socket.binaryType = type as BinaryType;
      return [before, socket.binaryType];
    });
    expect(types).toEqual([
      ['blob', 'arraybuffer'],
      ['arraybuffer', 'arraybuffer'],
      ['arraybuffer', 'blob'],
      ['blob', 'arraybuffer'],
      ['arraybuffer', 'arraybuffer'],
      ['arraybuffer', 'arraybuffer'],
    ]);
  });

  test('throws on send, after converting the argument', () => {
    const socket = make();
    expect(() => socket.send('x')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    expect(() => (socket.send as () => void)()).toThrow(TypeError);
    expect(() => socket.send(Symbol('x') as never)).toThrow(TypeError);
    expect(socket.bufferedAmount).toBe(0);
  });

  test('closed while connecting: error, then close 1006, once; then data counts as buffered', async () => {
    const socket = make();
    const heard: unknown[] = [];
    socket.addEventListener('error', (error) => heard.push([(error as SecureErrorEvent).code, socket.readyState]));
    socket.addEventListener('close', ({ code, wasClean }) => heard.push([code, wasClean, socket.readyState]));
    const closed = event(socket, 'close');
    socket.close();
    expect([socket.readyState, heard]).toEqual([2, []]);
    socket.close(4000);
    socket.send('é');
    socket.send(Uint8Array.of(1, 2, 3));
    await closed;
    socket.send(new Blob(['four']));
    expect([socket.bufferedAmount, heard]).toEqual([
      9,
      [
        ['aborted', 3],
        [1006, false, 3],
      ],
    ]);
    await expect(socket.delivered()).rejects.toMatchObject({ code: 'closed' });
  });

  test.each<[given: unknown[], code: number, reason: string]>([
    [[], 1005, ''],
    [[undefined, undefined], 1005, ''],
    [[1000], 1000, ''],
    [[1000, undefined], 1000, ''],
    [[undefined, 'why'], 1000, 'why'],
    [['3000.5', 7], 3000, '7'],
    [[4999, null], 4999, 'null'],
  ])('close(...%j) closes with %i and "%s"', (given, code, reason) => {
    const socket = make();
    const close = vi.spyOn(channelSocketOf(socket), 'close');
    (socket.close as (...given: unknown[]) => void)(...given);
    expect(close.mock.calls).toEqual([[{ code, reason }]]);
  });

  test('accepts one subprotocol, or a list without duplicates', () => {
    for (const protocols of ['v1', ['v1', 'v2'], new Set(['v1'])])
      expect(make('/', protocols as string[]).readyState).toBe(0);
    for (const protocols of [['v1', 'v1'], ['a b'], [''], ''])
      expect(() => make('/', protocols)).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
    expect(() => make('/', [Symbol('v')] as never)).toThrow(TypeError);
    expect(() => new (ClientSecureWebSocket as unknown as new () => unknown)()).toThrow(TypeError);
  });
});

test('event handlers keep their order, `false` cancels, and non-objects are null', () => {
  const target = new EventTarget();
  const handlers = new EventHandlers(target);
  const seen: unknown[] = [];
  const fire = () => {
    const fired = new Event('open', { cancelable: true });
    target.dispatchEvent(fired);
    return [fired.defaultPrevented, ...seen.splice(0)];
  };
  expect(handlers.get('open')).toBeNull();
  handlers.set('open', () => seen.push('first'));
  target.addEventListener('open', () => seen.push('listener'));
  const second = function (this: unknown) {
    seen.push(this === target ? 'second' : 'elsewhere');
    return false;
  };
  handlers.set('open', second);
  expect([handlers.get('open'), handlers.get('close')]).toEqual([second, null]);
  expect(fire()).toEqual([true, 'second', 'listener']);
  handlers.set('open', () => 0);
  expect(fire()).toEqual([false, 'listener']);
  const object = {};
  handlers.set('open', object);
  expect([handlers.get('open'), ...fire()]).toEqual([object, false, 'listener']);
  for (const none of [null, 7, 'text', undefined]) {
    handlers.set('open', second);
    expect(fire()[0]).toBe(true);
    handlers.set('open', none);
    expect([handlers.get('open'), ...fire()]).toEqual([null, false, 'listener']);
  }
  // Given up, the place is at the end.
  handlers.set('open', second);
  expect(fire()).toEqual([true, 'listener', 'second']);
});

test('close accepts 1000, 3000–4999, and reasons of 123 bytes', () => {
  expect(checkClose(undefined, '')).toEqual({ code: 1005, reason: '' });
  expect(checkClose(undefined, 'why')).toEqual({ code: 1000, reason: 'why' });
  for (const code of [1000, 3000, 4999]) expect(checkClose(code, 'é'.repeat(61)).code).toBe(code);
  for (const code of [0, 999, 1001, 1005, 2999, 5000, 65_535])
    expect(() => checkClose(code, '')).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
  expect(checkClose(1000, 'x'.repeat(123)).reason).toHaveLength(123);
  for (const reason of ['x'.repeat(124), 'é'.repeat(62)])
    expect(() => checkClose(1000, reason)).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
});

test('a stream closes with its error’s code if it can be sent, and otherwise without one', () => {
  const error = new SecureWebSocketStreamError('enough', { closeCode: 4001, reason: 'full' });
  expect([error.code, error.message, error.closeCode, error.reason]).toEqual([
    'connection-lost',
    'enough',
    4001,
    'full',
  ]);
  expect(closeFor(error)).toEqual({ code: 4001, reason: 'full' });
  expect(closeFor(new SecureWebSocketStreamError('', { closeCode: 1000 }))).toEqual({ code: 1000, reason: '' });
  expect(closeFor(new SecureWebSocketStreamError('', { closeCode: 3000 })).code).toBe(3000);
  const none = { code: 1005, reason: '' };
  const abnormal = { code: 1006, reason: 'lost', wasClean: false, failure: null };
  const ended = SecureWebSocketStreamError.of(abnormal);
  expect([ended.message, ended.closeCode, ended.reason, closeFor(ended)]).toEqual([
    'the socket closed with 1006',
    1006,
    'lost',
    none,
  ]);
  for (const reason of [undefined, new Error('why'), 'why']) expect(closeFor(reason)).toEqual(none);
  expect(readCloseInfo(undefined)).toEqual(none);
  expect(readCloseInfo({ closeCode: 4999, reason: 'x' })).toEqual({ code: 4999, reason: 'x' });
  expect(() => readCloseInfo({ closeCode: 1001 })).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
  for (const wrong of [1, 'text', { closeCode: 65_536 }, { closeCode: -1 }, { closeCode: 'many' }])
    expect(() => readCloseInfo(wrong as never)).toThrow(TypeError);
});

describe('conversions', () => {
  test('to a clamped number: the nearest one, ties to even', () => {
    const cases: [unknown, number][] = [
      [1000, 1000],
      ['1000', 1000],
      [-1, 0],
      [65_536, 65_535],
      [Number.POSITIVE_INFINITY, 65_535],
      [Number.NaN, 0],
      ['many', 0],
      [2.5, 2],
      [3.5, 4],
      [2.51, 3],
      [2.49, 2],
      [null, 0],
    ];
    for (const [value, number] of cases) expect(toClampedUnsignedShort(value), String(value)).toBe(number);
    for (const value of [1n, Symbol('x')]) expect(() => toClampedUnsignedShort(value)).toThrow(TypeError);
  });

  test('to a number within its range, or an error', () => {
    for (const [value, number] of [
      [0, 0],
      [65_535, 65_535],
      ['7', 7],
      [7.9, 7],
      [-0.5, -0],
    ] as const)
      expect(toEnforcedUnsignedShort(value) === number).toBe(true);
    for (const value of [-1, 65_536, Number.NaN, Number.POSITIVE_INFINITY, {}])
      expect(() => toEnforcedUnsignedShort(value)).toThrow(TypeError);
  });

  test('to options, to a list, to a text or a list', () => {
    expect([toDictionary(null), toDictionary(undefined), toDictionary({ a: 1 })]).toEqual([{}, {}, { a: 1 }]);
    const callable = () => {};
    expect(toDictionary(callable)).toBe(callable);
    for (const value of [1, 'text', true]) expect(() => toDictionary(value as never)).toThrow(TypeError);
    expect(toSequence(new Set(['a', 1]))).toEqual(['a', '1']);
    for (const value of ['text', {}, 7]) expect(() => toSequence(value)).toThrow(TypeError);
    const iterable = Object.assign(() => {}, { [Symbol.iterator]: () => ['a'].values() });
    const cases: [unknown, string[]][] = [
      ['text', ['text']],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
      [new Set(['a']), ['a']],
      [iterable, ['a']],
      [7, ['7']],
      [null, ['null']],
      [{ toString: () => 'own' }, ['own']],
    ];
    for (const [value, list] of cases) expect(toStringOrSequence(value)).toEqual(list);
  });

  test('to what can be sent: text, a copy of bytes, a Blob', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const copy = toSendItem(bytes.subarray(1, 3)) as Uint8Array;
    bytes.fill(9);
    expect([[...copy], copy.buffer.byteLength]).toEqual([[2, 3], 2]);
    expect([...(toSendItem(Uint16Array.of(1, 2)) as Uint8Array)]).toEqual([1, 0, 2, 0]);
    expect([...(toSendItem(bytes.buffer) as Uint8Array)]).toEqual([9, 9, 9, 9]);
    expect(toSendItem(bytes.buffer)).not.toBe(bytes.buffer);
    const blob = new Blob(['x']);
    expect([toSendItem(blob), toSendItem('text'), toSendItem(7), toSendItem(null)]).toEqual([
      blob,
      'text',
      '7',
      'null',
    ]);
    expect([...(toSendItem(runInNewContext('new Uint8Array([5, 6]).buffer')) as Uint8Array)]).toEqual([5, 6]);
    const detached = new ArrayBuffer(4);
    const view = new Uint8Array(detached);
    structuredClone(detached, { transfer: [detached] });
    for (const none of [detached, view]) expect(toSendItem(none)).toEqual(new Uint8Array(0));
  });

  test('refuse shared and resizable memory', () => {
    const shared = new SharedArrayBuffer(4);
    const resizable = new (ArrayBuffer as unknown as new (size: number, options: object) => ArrayBuffer)(4, {
      maxByteLength: 8,
    });
    const wrong = [shared, new Uint8Array(shared), resizable, new Uint8Array(resizable), Symbol('x')];
    for (const value of wrong) expect(() => toSendItem(value)).toThrow(TypeError);
  });
});

test('an error event has code and message', () => {
  const error = new SecureErrorEvent('offline', 'the peer is not there');
  expect([error.type, error.code, error.message]).toEqual(['error', 'offline', 'the peer is not there']);
});
