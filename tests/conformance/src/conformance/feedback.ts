import { equal, ok } from './assert.js';
import { closeFully, dial, echo, next, open, type Statement, task, until } from './statement.js';

const CLAUSE = 'Feedback from the protocol';

/** Everything that a socket fires, with the state it is in then. */
function record(socket: WebSocket): unknown[] {
  const fired: unknown[] = [];
  for (const type of ['open', 'message', 'error', 'close'])
    socket.addEventListener(type, () => fired.push([type, socket.readyState]));
  return fired;
}

export const feedbackStatements: readonly Statement[] = [
  {
    clause: `${CLAUSE}, the connection is established`,
    says: 'readyState is OPEN and protocol set when open fires, an Event, once, before any message',
    async run(subject) {
      const socket = dial(subject, '/send?choose=b&text=at+once', ['a', 'b']);
      const fired = record(socket);
      const opened = next(socket, 'open');
      const message = next(socket, 'message');
      const event = await opened;
      ok(Object.getPrototypeOf(event) === Event.prototype, 'a plain Event');
      equal([socket.readyState, socket.protocol, socket.extensions.includes('\n')], [1, 'b', false]);
      await message;
      equal(fired, [
        ['open', 1],
        ['message', 1],
      ]);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, the connection is established, note`,
    says: 'handlers set in the task that created the socket, or in its microtasks, miss no event',
    async run(subject) {
      const socket = dial(subject, '/send?text=1&text=2');
      await Promise.resolve();
      const fired = record(socket);
      await until(() => fired.length === 3);
      equal(fired, [
        ['open', 1],
        ['message', 1],
        ['message', 1],
      ]);
      socket.close();
    },
  },
  {
    clause: 'Opening handshake',
    says: 'a server that chooses none of the subprotocols offered, or one that was not offered, fails the connection',
    async run(subject) {
      for (const resource of ['/echo', '/echo?choose=c']) {
        const socket = dial(subject, resource, ['a', 'b']);
        const fired = record(socket);
        const { code, wasClean } = await next(socket, 'close');
        equal(
          [fired, code, wasClean],
          [
            [
              ['error', 3],
              ['close', 3],
            ],
            1006,
            false,
          ],
          resource,
        );
        equal(socket.protocol, '');
      }
    },
  },
  {
    clause: `${CLAUSE}, a WebSocket message has been received`,
    says: 'a MessageEvent with the data, and the URL’s origin; one for each message, in order',
    async run(subject) {
      const socket = dial(subject, '/send?text=one&text=&text=tw%C3%B6');
      const seen: MessageEvent[] = [];
      socket.onmessage = (event) => seen.push(event);
      await until(() => seen.length === 3);
      equal(
        seen.map(({ data }) => data),
        ['one', '', 'twö'],
      );
      for (const event of seen) {
        ok(event instanceof MessageEvent && event.type === 'message', 'a MessageEvent');
        equal([event.origin, event.lastEventId, event.source], [subject.origin, '', null]);
        equal(event.ports.length, 0);
      }
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, a WebSocket message has been received, step 1`,
    says: 'messages that arrive after close() fire no event',
    async run(subject) {
      const socket = await open(subject);
      const fired = record(socket);
      socket.send('echoed too late');
      socket.close();
      await next(socket, 'close');
      equal(fired, [['close', 3]]);
    },
  },
  {
    clause: `${CLAUSE}, a WebSocket message has been received`,
    says: 'each message is a task: microtasks and promises queued by one run before the next',
    async run(subject) {
      const socket = await open(subject);
      const order: string[] = [];
      socket.onmessage = ({ data }) => {
        order.push(data);
        void Promise.resolve().then(() => order.push(`${data} microtask`));
      };
      for (const text of ['a', 'b', 'c']) socket.send(text);
      await until(() => order.length === 6);
      equal(order, ['a', 'a microtask', 'b', 'b microtask', 'c', 'c microtask']);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, the connection is closed`,
    says: 'a close by the server: CLOSED, no error, a CloseEvent with its code and reason, wasClean true; messages before it arrive',
    async run(subject) {
      for (const [query, code, reason] of [
        ['code=1000', 1000, ''],
        ['code=1001&reason=going', 1001, 'going'],
        ['code=3456&reason=w%C3%A9ll', 3456, 'wéll'],
        ['code=1011', 1011, ''],
        ['', 1005, ''],
      ] as const) {
        const socket = dial(subject, `/close?text=before&${query}`);
        const fired = record(socket);
        const event = await next(socket, 'close');
        equal([event.code, event.reason, event.wasClean], [code, reason, true], query);
        equal(
          fired,
          [
            ['open', 1],
            ['message', 1],
            ['close', 3],
          ],
          query,
        );
      }
    },
  },
  {
    clause: `${CLAUSE}, the connection is closed`,
    says: 'a connection that breaks: close 1006, wasClean false, no reason',
    async run(subject) {
      const socket = await open(subject, '/drop');
      const fired = record(socket);
      const closed = next(socket, 'close');
      socket.send('drop me');
      // The suite opens channels up to the peer's limit of work. If that leaves none for a RESET, another frame gets one.
      const again = setInterval(() => socket.send('drop me'), 1_000);
      const { code, reason, wasClean } = await closed;
      clearInterval(again);
      equal([code, reason, wasClean], [1006, '', false]);
      equal(fired.at(-1), ['close', 3]);
    },
  },
  {
    clause: `${CLAUSE}, the connection is closed, step 2`,
    says: 'a connection without a server, or refused by it, fails: CLOSED, error, close 1006, and never open',
    async run(subject) {
      for (const url of [subject.nobody, `${subject.origin}${subject.prefix}/refuse`]) {
        const socket = new subject.WebSocket(url);
        const fired = record(socket);
        const error = new Promise<Event>((resolve) => {
          socket.onerror = resolve;
        });
        const { code, reason, wasClean } = await next(socket, 'close');
        equal([code, reason, wasClean], [1006, '', false]);
        equal(fired, [
          ['error', 3],
          ['close', 3],
        ]);
        const event = await error;
        ok(event instanceof Event && event.type === 'error', 'an Event');
        equal(String(event), '[object Event]');
      }
    },
  },
  {
    clause: `${CLAUSE}, the connection is closed`,
    says: 'error and close are fired in one task: what error queues as a task runs after close',
    async run(subject) {
      const socket = new subject.WebSocket(subject.nobody);
      const order: string[] = [];
      socket.onerror = () => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
          order.push('task of error');
          port1.close();
        };
        port2.postMessage(null);
      };
      socket.onclose = () => order.push('close');
      await until(() => order.length === 2);
      equal(order, ['close', 'task of error']);
    },
  },
  {
    clause: `${CLAUSE}, the connection is closed`,
    says: 'no event fires afterwards, and the socket stays CLOSED',
    async run(subject) {
      const socket = await open(subject);
      await closeFully(socket);
      const fired = record(socket);
      socket.send('x');
      socket.close();
      const other = await open(subject);
      await echo(other, 'x');
      equal([fired, socket.readyState], [[], 3]);
      other.close();
    },
  },
  {
    clause: 'The CloseEvent interface',
    says: 'the close event is a CloseEvent: code, reason and wasClean are read-only accessors',
    async run(subject) {
      const socket = dial(subject, '/close?code=4000&reason=why');
      const event = await next(socket, 'close');
      equal(String(event), '[object CloseEvent]');
      if (typeof CloseEvent === 'function') ok(event instanceof CloseEvent, 'of the platform’s class');
      equal(event.constructor.name, 'CloseEvent');
      for (const name of ['code', 'reason', 'wasClean']) {
        const own = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(event), name);
        equal(
          [typeof own?.get, own?.set, own?.enumerable, own?.configurable],
          ['function', undefined, true, true],
          name,
        );
      }
      equal([event.code, event.reason, event.wasClean], [4000, 'why', true]);
    },
  },
  {
    clause: 'Garbage collection',
    says: 'a socket without references, but with a listener, keeps working',
    async run(subject) {
      const heard = new Promise((resolve) => {
        const socket = dial(subject);
        socket.onopen = ({ target }) => (target as WebSocket).send('still there');
        socket.onmessage = ({ data, target }) => {
          resolve(data);
          (target as WebSocket).close();
        };
      });
      // There where the runtime was started with it.
      const collect: unknown = Reflect.get(globalThis, 'gc');
      for (let i = 0; i < 5; i++) {
        if (typeof collect === 'function') collect();
        await task();
      }
      equal(await heard, 'still there');
    },
  },
  {
    clause: CLAUSE,
    says: 'send and close may be called from every event',
    async run(subject) {
      const socket = dial(subject);
      const heard: unknown[] = [];
      socket.onopen = () => socket.send('from open');
      socket.onmessage = ({ data }) => {
        heard.push(data);
        if (data === 'from open') socket.send('from message');
        else socket.close(3000);
      };
      const closed = next(socket, 'close');
      socket.onclose = () => {
        socket.send('from close');
        socket.close();
      };
      equal([(await closed).code, heard], [3000, ['from open', 'from message']]);
    },
  },
];
