import { equal, ok } from './assert.js';
import { closeFully, dial, echo, next, open, type Statement } from './statement.js';

const CLAUSE = 'event handlers; HTML, event handler IDL attributes';
const NAMES = ['onopen', 'onerror', 'onclose', 'onmessage'] as const;

export const eventHandlerStatements: readonly Statement[] = [
  ...NAMES.map(
    (name): Statement => ({
      clause: CLAUSE,
      says: `${name} returns its last value; a value that is not an object becomes null`,
      run(subject) {
        const socket = dial(subject);
        const set = (value: unknown) => Reflect.set(socket, name, value);
        const handler = () => {};
        equal(socket[name], null);
        set(handler);
        equal(socket[name], handler);
        for (const value of [null, undefined, 2, 'function', true, 1n, Symbol('handler')]) {
          set(handler);
          set(value);
          equal(socket[name], null, String(value));
        }
        const object = { handleEvent() {} };
        set(object);
        equal(Reflect.get(socket, name), object, 'an object that cannot be called is kept');
        set(null);
        socket.close();
      },
    }),
  ),
  {
    clause: CLAUSE,
    says: 'a handler is called with the event and the socket as this; an object’s handleEvent is not called',
    async run(subject) {
      const socket = dial(subject);
      let called: unknown[] = [];
      socket.onopen = function (...given) {
        called = [this, ...given];
      };
      let handled = false;
      Reflect.set(socket, 'onmessage', {
        handleEvent() {
          handled = true;
        },
      });
      await next(socket, 'open');
      const [self, event] = called;
      ok(self === socket, 'this');
      ok(called.length === 1 + 1 && event instanceof Event && event.type === 'open', 'one argument, the event');
      await echo(socket, 'x');
      ok(!handled, 'handleEvent');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'a handler keeps the place of its first setting among the listeners; null removes it',
    async run(subject) {
      const socket = dial(subject);
      const order: string[] = [];
      const note = (what: string) => () => void order.push(what);
      socket.addEventListener('open', note('first'));
      socket.onopen = note('replaced');
      socket.addEventListener('open', note('second'));
      socket.onopen = note('handler');
      socket.addEventListener('open', note('third'));
      await next(socket, 'open');
      equal(order, ['first', 'handler', 'second', 'third']);
      socket.onmessage = note('before');
      socket.addEventListener('message', note('listener'));
      socket.onmessage = null;
      socket.onmessage = note('after');
      order.length = 0;
      await echo(socket, 'x');
      equal(order, ['listener', 'after']);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'a handler set by a listener of the same event is called; a removed one is not',
    async run(subject) {
      const socket = dial(subject);
      const order: string[] = [];
      socket.onopen = () => order.push('taken away');
      socket.addEventListener('open', () => order.push('listener'));
      const other = dial(subject);
      other.addEventListener('open', () => {
        other.onopen = null;
      });
      other.onopen = () => order.push('never');
      socket.onopen = () => order.push('swapped');
      await Promise.all([next(socket, 'open'), next(other, 'open')]);
      equal(order, ['swapped', 'listener']);
      socket.close();
      other.close();
    },
  },
  {
    clause: 'event handlers; DOM, dispatching',
    says: 'the four event types reach listeners, functions and objects, once with that option; the socket is target and currentTarget',
    async run(subject) {
      const socket = dial(subject);
      const seen: unknown[] = [];
      socket.addEventListener('open', {
        handleEvent: (event) =>
          seen.push([event.type, event.target === socket, event.currentTarget === socket, event.eventPhase]),
      });
      socket.addEventListener('message', () => seen.push('once'), { once: true });
      const removed = () => seen.push('removed');
      socket.addEventListener('message', removed);
      socket.removeEventListener('message', removed);
      await next(socket, 'open');
      for (const text of ['a', 'b']) await echo(socket, text);
      equal(seen, [['open', true, true, 2], 'once']);
      socket.close();
    },
  },
  {
    clause: 'event handlers; DOM, events',
    says: 'the events have their interfaces, do not bubble and cannot be cancelled',
    async run(subject) {
      const socket = dial(subject);
      const flags: unknown[] = [];
      const kinds: string[] = [];
      for (const type of ['open', 'message', 'close'])
        socket.addEventListener(type, (event) => {
          event.preventDefault();
          flags.push([event.bubbles, event.cancelable, event.composed, event.defaultPrevented]);
          kinds.push(String(event));
          ok(event.composedPath().length === 1 && event.composedPath()[0] === socket, 'composedPath');
        });
      await next(socket, 'open');
      await echo(socket, 'x');
      await closeFully(socket);
      equal(flags, Array(3).fill([false, false, false, false]));
      // Node 20's own MessageEvent is tagged as an Event.
      equal(kinds, ['[object Event]', String(new MessageEvent('message')), '[object CloseEvent]']);
    },
  },
  {
    clause: CLAUSE,
    says: 'a handler belongs to its socket, and gets no events of another',
    async run(subject) {
      const [one, two] = [await open(subject), await open(subject)];
      const heard: unknown[] = [];
      one.onmessage = ({ data }) => heard.push(data);
      await echo(two, 'for two');
      await echo(one, 'for one');
      equal(heard, ['for one']);
      one.close();
      two.close();
    },
  },
];
