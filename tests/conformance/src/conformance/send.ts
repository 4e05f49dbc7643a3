import { equal, ok, throwsDom, throwsType } from './assert.js';
import { closeFully, dial, next, open, type Statement, type Subject } from './statement.js';

const CLAUSE = 'send(data) method';

interface Seen {
  readonly binary: boolean;
  readonly hex: string;
}

/** What the server saw of each of these, sent in this order. */
async function seen(subject: Subject, items: readonly unknown[]): Promise<Seen[]> {
  const socket = await open(subject, '/report');
  const answers: Seen[] = [];
  const all = new Promise<void>((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      answers.push(JSON.parse(data));
      if (answers.length === items.length) resolve();
    };
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
  });
  for (const item of items) equal(Reflect.apply(socket.send, socket, [item]), undefined, 'returns undefined');
  await all;
  socket.onclose = null;
  socket.close();
  return answers;
}

const text = (value: string): Seen => ({
  binary: false,
  hex: [...new TextEncoder().encode(value)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
});
const bytes = (hex: string): Seen => ({ binary: true, hex });

export const sendStatements: readonly Statement[] = [
  {
    clause: `${CLAUSE}, step 1`,
    says: 'in CONNECTING it throws InvalidStateError',
    run(subject) {
      const socket = dial(subject);
      for (const data of ['', 'text', new ArrayBuffer(1), new Uint8Array(1), new Blob(['x'])])
        throwsDom('InvalidStateError', () => socket.send(data));
      equal(socket.bufferedAmount, 0);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, Web IDL conversion`,
    says: 'data is required, and a Symbol throws TypeError; both are checked before the state',
    async run(subject) {
      const socket = dial(subject);
      throwsType(() => Reflect.apply(socket.send, socket, []), 'no argument');
      throwsType(() => Reflect.apply(socket.send, socket, [Symbol('data')]), 'a Symbol');
      await next(socket, 'open');
      throwsType(() => Reflect.apply(socket.send, socket, []), 'no argument, OPEN');
      throwsType(() => Reflect.apply(socket.send, socket, [Symbol('data')]), 'a Symbol, OPEN');
      await closeFully(socket);
      throwsType(() => Reflect.apply(socket.send, socket, []), 'no argument, CLOSED');
    },
  },
  {
    clause: `${CLAUSE}, string`,
    says: 'a string, even an empty one, is a text message of its UTF-8',
    async run(subject) {
      const texts = ['', 'plain', 'é€💩', '\u0000', '\ufeffwith a BOM', 'x'.repeat(70_000)];
      equal(await seen(subject, texts), texts.map(text));
    },
  },
  {
    clause: `${CLAUSE}, USVString`,
    says: 'lone surrogates are U+FFFD',
    async run(subject) {
      equal(await seen(subject, ['\ud800', 'a\udc00b', '\udc00\ud800', 'ok \ud83d\ude00']), [
        text('\ufffd'),
        text('a\ufffdb'),
        text('\ufffd\ufffd'),
        text('ok 😀'),
      ]);
    },
  },
  {
    clause: `${CLAUSE}, Web IDL conversion`,
    says: 'a value that is neither a BufferSource nor a Blob is converted to a string',
    async run(subject) {
      const items = [null, undefined, 7, -0, true, 10n, [1, 2], {}, { toString: () => 'own' }, new Date(Number.NaN)];
      equal(
        await seen(subject, items),
        ['null', 'undefined', '7', '0', 'true', '10', '1,2', '[object Object]', 'own', 'Invalid Date'].map(text),
      );
      const closed = dial(subject);
      closed.close();
      const others = [closed, class Mine {}, new Error('why'), /x/g, globalThis, new Map()];
      equal(await seen(subject, others), others.map(String).map(text));
      equal(await seen(subject, [Object.create(Blob.prototype, { toString: { value: () => 'no blob' } })]), [
        text('no blob'),
      ]);
    },
  },
  {
    clause: `${CLAUSE}, ArrayBuffer`,
    says: 'an ArrayBuffer, even an empty one, is a binary message of its bytes',
    async run(subject) {
      equal(await seen(subject, [Uint8Array.of(0, 255, 128).buffer, new ArrayBuffer(0)]), [bytes('00ff80'), bytes('')]);
    },
  },
  {
    clause: `${CLAUSE}, ArrayBufferView`,
    says: 'a view of any type is a binary message of the bytes that it references',
    async run(subject) {
      const { buffer } = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
      const views = [
        new Uint8Array(buffer, 2, 3),
        new Int16Array(buffer, 4, 1),
        new DataView(buffer, 6),
        new Float64Array(buffer),
        new Uint8ClampedArray(buffer, 8),
        new BigInt64Array(buffer, 0, 0),
      ];
      equal(await seen(subject, views), ['020304', '0405', '0607', '0001020304050607', '', ''].map(bytes));
    },
  },
  {
    clause: `${CLAUSE}, Blob`,
    says: 'a Blob, or a File, is a binary message of its raw data',
    async run(subject) {
      equal(await seen(subject, [new Blob(['é', Uint8Array.of(0)], { type: 'text/plain' }), new Blob([])]), [
        bytes('c3a900'),
        bytes(''),
      ]);
    },
  },
  {
    clause: CLAUSE,
    says: 'messages arrive in the order of the calls, Blobs among them',
    async run(subject) {
      const items = [new Blob(['1']), '2', new Blob(['3']), new Blob([]), '5', Uint8Array.of(0x36), '7'];
      equal(
        (await seen(subject, items)).map(({ hex }) => hex),
        ['31', '32', '33', '', '35', '36', '37'],
      );
    },
  },
  {
    clause: CLAUSE,
    says: 'bytes are copied at the call: changing or detaching the buffer later has no effect',
    async run(subject) {
      const socket = await open(subject, '/report');
      const answers: Seen[] = [];
      const two = new Promise<void>((resolve) => {
        socket.onmessage = ({ data }) => {
          answers.push(JSON.parse(data));
          if (answers.length === 2) resolve();
        };
      });
      const changed = Uint8Array.of(1, 2, 3);
      socket.send(changed);
      changed.fill(9);
      const detached = Uint8Array.of(4, 5, 6);
      socket.send(detached.buffer);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      await two;
      equal(answers, [bytes('010203'), bytes('040506')]);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, Web IDL conversion`,
    says: 'a detached buffer has no bytes',
    async run(subject) {
      const buffer = new ArrayBuffer(8);
      const view = new Uint8Array(buffer, 2, 2);
      const data = new DataView(buffer, 2, 2);
      structuredClone(buffer, { transfer: [buffer] });
      equal(await seen(subject, [buffer, view, data]), [bytes(''), bytes(''), bytes('')]);
    },
  },
  {
    clause: `${CLAUSE}, Web IDL conversion`,
    says: 'shared memory, or a view of it, throws TypeError',
    async run(subject) {
      // A page has SharedArrayBuffer only where it is isolated; WebAssembly makes one everywhere.
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      const shared = memory.buffer as unknown as SharedArrayBuffer;
      const socket = await open(subject);
      throwsType(() => Reflect.apply(socket.send, socket, [shared]));
      throwsType(() => Reflect.apply(socket.send, socket, [new Uint8Array(shared, 0, 1)]));
      equal(socket.bufferedAmount, 0);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, Web IDL conversion`,
    says: 'resizable memory throws TypeError',
    async run(subject) {
      const buffer: ArrayBuffer = Reflect.construct(ArrayBuffer, [4, { maxByteLength: 8 }]);
      if (Reflect.get(buffer, 'resizable') !== true) return;
      const socket = await open(subject);
      throwsType(() => socket.send(buffer), 'the buffer');
      throwsType(() => socket.send(new Uint8Array(buffer)), 'a view');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'messages of the lengths at which frames change arrive whole: 0, 125, 126, 65,535, 65,536',
    async run(subject) {
      const socket = await open(subject);
      for (const length of [0, 1, 125, 126, 127, 65_000, 65_534, 65_535, 65_536, 65_537, 100_000, 131_072]) {
        socket.binaryType = length % 2 === 0 ? 'blob' : 'arraybuffer';
        socket.send('a'.repeat(length));
        socket.send(new Uint8Array(length).fill(7));
        const { data } = await next(socket, 'message');
        ok(data === 'a'.repeat(length), `${length} characters`);
        const { data: binary } = await next(socket, 'message');
        const bytes = new Uint8Array(binary instanceof Blob ? await binary.arrayBuffer() : binary);
        ok(bytes.length === length && bytes.every((byte) => byte === 7), `${length} bytes`);
      }
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'large messages arrive whole, in both directions',
    async run(subject) {
      const socket = await open(subject);
      socket.binaryType = 'arraybuffer';
      const sent = new Uint8Array(1_500_000).map((_, i) => i * 7);
      const answer = next(socket, 'message');
      socket.send(sent);
      const received = new Uint8Array((await answer).data);
      ok(received.length === sent.length && received.every((byte, i) => byte === sent[i]), 'the same bytes');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'in CLOSING and CLOSED it sends nothing and does not throw',
    async run(subject) {
      const socket = await open(subject, '/report');
      const heard: unknown[] = [];
      socket.onmessage = ({ data }) => heard.push(data);
      const closed = next(socket, 'close');
      socket.close();
      socket.send('text');
      socket.send(new Blob(['x']));
      await closed;
      socket.send(new ArrayBuffer(3));
      equal(heard, []);
    },
  },
];
