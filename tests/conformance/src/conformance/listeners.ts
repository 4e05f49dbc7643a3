import { equal, ok } from './assert.js';
import { dial, echo, open, type Statement } from './statement.js';

const CLAUSE = 'DOM, dispatching events';

export const listenerStatements: readonly Statement[] = [
  {
    clause: `${CLAUSE}; HTML, report an exception`,
    says: 'an error of a listener is reported to the page; other listeners and later events still run',
    page: true,
    async run(subject) {
      const socket = await open(subject);
      const reported: unknown[] = [];
      const report = (event: ErrorEvent) => {
        event.preventDefault();
        reported.push(event.error.message);
      };
      addEventListener('error', report);
      const heard: unknown[] = [];
      socket.onmessage = () => {
        throw new Error('from the handler');
      };
      socket.addEventListener('message', () => {
        throw new Error('from a listener');
      });
      socket.addEventListener('message', ({ data }) => heard.push(data));
      for (const text of ['a', 'b']) await echo(socket, text);
      removeEventListener('error', report);
      equal(heard, ['a', 'b']);
      equal(reported, ['from the handler', 'from a listener', 'from the handler', 'from a listener']);
      equal(socket.readyState, 1);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'a listener added twice is called once; one for the capturing phase is separate',
    async run(subject) {
      const socket = await open(subject);
      let calls = 0;
      const listener = () => calls++;
      socket.addEventListener('message', listener);
      socket.addEventListener('message', listener, { once: true });
      socket.addEventListener('message', listener, true);
      await echo(socket, 'x');
      equal(calls, 2);
      socket.removeEventListener('message', listener);
      await echo(socket, 'y');
      equal(calls, 3);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'an aborted signal removes its listener; one aborted before adds none; passive and null are accepted',
    async run(subject) {
      const socket = await open(subject);
      const heard: string[] = [];
      const listening = new AbortController();
      socket.addEventListener('message', ({ data }) => heard.push(data), { signal: listening.signal, passive: true });
      socket.addEventListener('message', () => heard.push('never'), { signal: AbortSignal.abort() });
      Reflect.apply(socket.addEventListener, socket, ['message', null]);
      for (const text of ['a', 'b']) {
        await echo(socket, text);
        listening.abort();
      }
      equal(heard, ['a']);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'handleEvent is looked up at each event, and this is the object',
    async run(subject) {
      const socket = await open(subject);
      const seen: unknown[] = [];
      const object = {
        handleEvent(event: Event) {
          seen.push([this === object, event.type]);
          this.handleEvent = () => seen.push('later');
        },
      };
      socket.addEventListener('message', object);
      for (const text of ['a', 'b']) await echo(socket, text);
      equal(seen, [[true, 'message'], 'later']);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'stopImmediatePropagation stops later listeners, including the handler',
    async run(subject) {
      const socket = await open(subject);
      const heard: string[] = [];
      let stops = true;
      socket.addEventListener('message', (event) => {
        if (stops) event.stopImmediatePropagation();
        stops = false;
      });
      socket.onmessage = ({ data }) => heard.push(data);
      const second = new Promise<void>((resolve) => {
        socket.addEventListener('message', () => resolve());
      });
      socket.send('a');
      socket.send('b');
      await second;
      equal(heard, ['b']);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'events that a script dispatches reach listeners and handlers, and change nothing else',
    run(subject) {
      const socket = dial(subject);
      const seen: unknown[] = [];
      for (const type of ['open', 'message', 'error', 'close'] as const) {
        const made = new Event(type);
        const note = (event: Event) => seen.push(event === made && event.target === socket);
        socket.addEventListener(type, note);
        Reflect.set(socket, `on${type}`, note);
        equal(socket.dispatchEvent(made), true, type);
        socket.removeEventListener(type, note);
        socket.dispatchEvent(new Event(type));
        Reflect.set(socket, `on${type}`, null);
      }
      equal(seen, [true, true, false, true, true, false, true, true, false, true, true, false]);
      equal(socket.readyState, 0);
      socket.close();
    },
  },
  {
    clause: 'HTML, the event handler processing algorithm',
    says: 'a handler cancels a cancelable event only by returning false',
    run(subject) {
      const socket = dial(subject);
      const cancelled = (returned: unknown, cancelable = true): boolean => {
        socket.onmessage = () => returned;
        return !socket.dispatchEvent(new Event('message', { cancelable }));
      };
      equal([cancelled(false), cancelled(false, false)], [true, false]);
      for (const value of [undefined, null, 0, '', true, Number.NaN]) equal(cancelled(value), false, String(value));
      socket.onmessage = null;
      socket.addEventListener('message', () => false);
      ok(socket.dispatchEvent(new Event('message', { cancelable: true })), 'a listener’s return value counts nothing');
      socket.close();
    },
  },
];
