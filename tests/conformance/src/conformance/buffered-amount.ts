import { equal, ok } from './assert.js';
import { closeFully, microtasks, next, open, type Statement, until } from './statement.js';

const CLAUSE = 'bufferedAmount attribute';

export const bufferedAmountStatements: readonly Statement[] = [
  {
    clause: CLAUSE,
    says: 'each send in OPEN adds the bytes of its data: UTF-8 of text, length of buffers and views, size of Blobs',
    async run(subject) {
      const socket = await open(subject);
      let expected = 0;
      for (const [data, size] of [
        ['plain', 5],
        ['é€💩', 9],
        ['\ud800', 3],
        ['', 0],
        [new ArrayBuffer(10), 10],
        [new Uint8Array(new ArrayBuffer(10), 3, 4), 4],
        [new Blob(['é', 'x']), 3],
        ['after the blob', 14],
        [new Blob([]), 0],
        [new Blob(['y'.repeat(1000)]), 1000],
      ] as const) {
        socket.send(data);
        expected += size;
        equal(socket.bufferedAmount, expected, `after ${size} bytes more`);
      }
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'it does not shrink before the task ends',
    async run(subject) {
      const socket = await open(subject);
      socket.send('12345');
      await microtasks();
      equal(socket.bufferedAmount, 5);
      socket.send(new Blob(['67']));
      equal(socket.bufferedAmount, 7);
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'it falls to 0 once everything has been transmitted',
    async run(subject) {
      const socket = await open(subject);
      for (let i = 0; i < 50; i++) socket.send('x'.repeat(1000));
      socket.send(new Blob(['x'.repeat(100_000)]));
      ok(socket.bufferedAmount === 150_000, 'all counted');
      let before = socket.bufferedAmount;
      await until(() => {
        ok(socket.bufferedAmount <= before, 'it only shrinks while nothing is sent');
        before = socket.bufferedAmount;
        return before === 0;
      });
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'when a message’s echo has arrived, the message counts as transmitted',
    async run(subject) {
      const socket = await open(subject);
      const texts = ['x', 'å', '匶', '💩', ''];
      const buffered: number[] = [];
      const all = new Promise<void>((resolve) => {
        socket.onmessage = () => {
          buffered.push(socket.bufferedAmount);
          if (buffered.length === texts.length) resolve();
        };
      });
      for (const text of texts) socket.send(text);
      equal(socket.bufferedAmount, 10);
      await all;
      for (const [index, most] of [9, 7, 4, 0, 0].entries())
        ok((buffered[index] ?? 10) <= most, `after echo ${index}: ${buffered[index]}`);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}; send(data) method`,
    says: 'in CLOSING every send adds to it, although nothing is sent',
    async run(subject) {
      const socket = await open(subject);
      socket.close();
      equal(socket.bufferedAmount, 0);
      socket.send('12345');
      socket.send(new Uint8Array(3));
      socket.send(new Blob(['67']));
      equal(socket.bufferedAmount, 10);
      await next(socket, 'close');
      equal(socket.bufferedAmount, 10, 'closing does not reset it');
    },
  },
  {
    clause: CLAUSE,
    says: 'in CLOSED it only increases',
    async run(subject) {
      const socket = await open(subject);
      await closeFully(socket);
      equal(socket.bufferedAmount, 0);
      socket.send('é');
      socket.send(new ArrayBuffer(8));
      equal(socket.bufferedAmount, 10);
      await microtasks();
      socket.send('');
      equal(socket.bufferedAmount, 10);
    },
  },
  {
    clause: CLAUSE,
    says: 'after close in CONNECTING it counts what is sent',
    async run(subject) {
      const socket = new subject.WebSocket(`${subject.origin}${subject.prefix}/echo`);
      socket.close();
      socket.send('12345');
      equal(socket.bufferedAmount, 5);
      await next(socket, 'close');
      socket.send('6');
      equal(socket.bufferedAmount, 6);
    },
  },
  {
    clause: CLAUSE,
    says: 'a clean close leaves 0 of what was sent before it',
    async run(subject) {
      const socket = await open(subject);
      socket.send('x'.repeat(10_000));
      socket.close();
      equal(socket.bufferedAmount, 10_000);
      await next(socket, 'close');
      equal(socket.bufferedAmount, 0);
    },
  },
];
