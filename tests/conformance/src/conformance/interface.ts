import { equal, ok, throwsType } from './assert.js';
import { dial, open, type Statement, type Subject } from './statement.js';

const CLAUSE = 'The WebSocket interface, interface definition';
const CONSTANTS = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
const READ_ONLY = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol'];
const SETTABLE = ['onopen', 'onerror', 'onclose', 'onmessage', 'binaryType'];

function descriptor({ WebSocket }: Subject, member: string): PropertyDescriptor {
  const found = Object.getOwnPropertyDescriptor(WebSocket.prototype, member);
  if (found === undefined) throw new Error(`the prototype has no own ${member}`);
  return found;
}

/** What Web IDL makes of the interface: the shape that a script sees. */
export const interfaceStatements: readonly Statement[] = [
  {
    clause: CLAUSE,
    says: 'the interface object is a constructor of one argument that can only be called with new',
    run({ WebSocket }) {
      equal(typeof WebSocket, 'function');
      equal(WebSocket.length, 1, 'length');
      equal(WebSocket.name, 'WebSocket', 'name');
      const { value, ...length } = Object.getOwnPropertyDescriptor(WebSocket, 'length') ?? {};
      equal(value, 1);
      equal(length, { writable: false, enumerable: false, configurable: true }, 'descriptor of length');
      throwsType(() => Reflect.apply(WebSocket, undefined, ['ws://x.example/']), 'called without new');
    },
  },
  {
    clause: CLAUSE,
    says: 'WebSocket : EventTarget, on the interface object and on the prototype',
    run({ WebSocket }) {
      ok(Object.getPrototypeOf(WebSocket) === EventTarget, 'the interface object’s prototype is EventTarget');
      ok(Object.getPrototypeOf(WebSocket.prototype) === EventTarget.prototype, 'the prototype’s is EventTarget’s');
      ok(WebSocket.prototype.constructor === WebSocket, 'prototype.constructor');
      const { value: _, ...rest } = Object.getOwnPropertyDescriptor(WebSocket, 'prototype') ?? {};
      equal(rest, { writable: false, enumerable: false, configurable: false }, 'descriptor of prototype');
    },
  },
  ...Object.entries(CONSTANTS).map(
    ([name, number]): Statement => ({
      clause: CLAUSE,
      says: `const unsigned short ${name} = ${number}, on the interface object and the prototype, fixed`,
      run(subject) {
        const expected = { value: number, writable: false, enumerable: true, configurable: false };
        equal(Object.getOwnPropertyDescriptor(subject.WebSocket, name), expected, 'on the interface object');
        equal(descriptor(subject, name), expected, 'on the prototype');
        const socket = dial(subject);
        equal(Reflect.get(socket, name), number, 'on an object');
        ok(!Reflect.set(socket, name, 7), 'cannot be set');
        ok(!Reflect.deleteProperty(subject.WebSocket, name), 'cannot be deleted');
        socket.close();
      },
    }),
  ),
  ...READ_ONLY.map(
    (name): Statement => ({
      clause: CLAUSE,
      says: `readonly attribute ${name}: an enumerable accessor of the prototype, without a setter`,
      run(subject) {
        const { get, set, enumerable, configurable } = descriptor(subject, name);
        equal([typeof get, set, enumerable, configurable], ['function', undefined, true, true]);
        equal(get?.name, `get ${name}`, 'name of the getter');
        throwsType(() => Reflect.get(subject.WebSocket.prototype, name), 'read from the prototype');
        throwsType(() => Reflect.apply(get ?? Object, {}, []), 'read from another object');
      },
    }),
  ),
  ...SETTABLE.map(
    (name): Statement => ({
      clause: CLAUSE,
      says: `attribute ${name}: an enumerable accessor of the prototype, with a setter`,
      run(subject) {
        const { get, set, enumerable, configurable } = descriptor(subject, name);
        equal([typeof get, typeof set, enumerable, configurable], ['function', 'function', true, true]);
        throwsType(() => Reflect.get(subject.WebSocket.prototype, name), 'read from the prototype');
        throwsType(() => Reflect.apply(set ?? Object, {}, [null]), 'set on another object');
      },
    }),
  ),
  ...Object.entries({ close: 0, send: 1 }).map(
    ([name, length]): Statement => ({
      clause: CLAUSE,
      says: `operation ${name} of ${length} required arguments; on another object it throws TypeError`,
      run(subject) {
        const { value, writable, enumerable, configurable } = descriptor(subject, name);
        equal([typeof value, writable, enumerable, configurable], ['function', true, true, true]);
        equal([value.name, value.length], [name, length]);
        throwsType(() => Reflect.apply(value, {}, ['x']), 'called on another object');
        throwsType(() => Reflect.apply(value, subject.WebSocket.prototype, ['x']), 'called on the prototype');
        throwsType(() => Reflect.construct(value, ['x']), 'is no constructor');
      },
    }),
  ),
  {
    clause: CLAUSE,
    says: 'the class string is WebSocket, and cannot be written',
    run(subject) {
      const { value, writable, enumerable, configurable } =
        Object.getOwnPropertyDescriptor(subject.WebSocket.prototype, Symbol.toStringTag) ?? {};
      equal([value, writable, enumerable, configurable], ['WebSocket', false, false, true]);
      const socket = dial(subject);
      equal(String(socket), '[object WebSocket]');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'an object has no own properties; enumeration lists the interface’s members',
    run(subject) {
      const socket = dial(subject);
      socket.onopen = () => {};
      equal(Object.getOwnPropertyNames(socket), []);
      const inherited = new Set<string>();
      for (const name in EventTarget.prototype) inherited.add(name);
      const names: string[] = [];
      for (const name in socket) if (!inherited.has(name)) names.push(name);
      const members = [...READ_ONLY, ...SETTABLE, 'close', 'send', ...Object.keys(CONSTANTS)];
      equal(names.sort(), members.sort());
      ok(socket instanceof subject.WebSocket && socket instanceof EventTarget, 'instanceof');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'the class can be extended: the object is an instance of the subclass and works',
    async run(subject) {
      class Mine extends subject.WebSocket {
        greet(): void {
          this.send('hello');
        }
      }
      const socket = new Mine(`${subject.origin}${subject.prefix}/echo`);
      ok(socket instanceof Mine && socket instanceof subject.WebSocket, 'instanceof');
      socket.onopen = () => socket.greet();
      const data = await new Promise((resolve) => {
        socket.onmessage = (event) => resolve(event.data);
      });
      equal(data, 'hello');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'prototype accessors can be redefined, and objects’ properties shadowed, as instrumenting scripts do',
    async run(subject) {
      const socket = await open(subject);
      Object.defineProperty(socket, 'bufferedAmount', { value: 'mine', configurable: true });
      equal(Reflect.get(socket, 'bufferedAmount'), 'mine');
      ok(Reflect.deleteProperty(socket, 'bufferedAmount'), 'deleted');
      equal(socket.bufferedAmount, 0);
      ok(Reflect.deleteProperty(socket, 'readyState'), 'deleting what is not there');
      equal(socket.readyState, 1);
      socket.close();
    },
  },
];
