import { equal, ok, throwsDom, throwsType } from './assert.js';
import { dial, microtasks, next, open, type Statement, type Subject } from './statement.js';

const CLAUSE = 'close(code, reason) method';
let ids = 0;

/** Closes as `action` does, and tells what the server saw: code, reason, and the texts before. */
async function seenByServer(
  subject: Subject,
  action: (socket: WebSocket) => void,
): Promise<readonly [code: number, reason: string, texts: readonly string[]]> {
  const id = `${subject.prefix.slice(0, 9)}${performance.now()}${++ids}`;
  const socket = await open(subject, `/note?id=${encodeURIComponent(id)}`);
  const closed = next(socket, 'close');
  action(socket);
  await closed;
  const asking = await open(subject, '/noted');
  for (;;) {
    const answer = next(asking, 'message');
    asking.send(id);
    const { data } = await answer;
    if (data === '') continue;
    asking.close();
    return JSON.parse(data);
  }
}

export const closeStatements: readonly Statement[] = [
  {
    clause: `${CLAUSE}, validate close code and reason, step 1`,
    says: 'a code other than 1000 and 3000–4999 throws InvalidAccessError, and nothing happens',
    async run(subject) {
      const socket = await open(subject);
      for (const code of [0, 999, 1001, 1002, 1005, 1006, 1011, 1015, 2999, 5000, 65_535])
        throwsDom('InvalidAccessError', () => socket.close(code), String(code));
      equal(socket.readyState, 1);
      const { data } = await ((): Promise<MessageEvent> => {
        const answer = next(socket, 'message');
        socket.send('still open');
        return answer;
      })();
      equal(data, 'still open');
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, [Clamp] unsigned short`,
    says: 'the code is converted by ToNumber and clamped; NaN and null are 0',
    async run(subject) {
      const socket = await open(subject);
      const close = (...given: unknown[]) => Reflect.apply(socket.close, socket, given);
      for (const code of [null, 'text', Number.NaN, -1, 1e9, true, {}, 999, 2999, 5000, '', [], () => {}])
        throwsDom('InvalidAccessError', () => close(code), String(code));
      throwsType(() => close(Symbol('code')), 'a Symbol');
      throwsType(() => close(1000n), 'a BigInt');
      let asked = 0;
      const failing = {
        valueOf: () => {
          asked++;
          throw new RangeError('mine');
        },
      };
      try {
        close(failing);
      } catch (error) {
        ok(error instanceof RangeError, 'valueOf’s own error');
      }
      equal([asked, socket.readyState], [1, 1]);
      const closed = next(socket, 'close');
      close('3000');
      equal((await closed).code, 3000, 'a string');
      for (const [given, code] of [
        [[3001], 3001],
        [{ valueOf: () => 3002 }, 3002],
        [undefined, 1005],
      ] as const) {
        const other = await open(subject);
        const end = next(other, 'close');
        Reflect.apply(other.close, other, [given]);
        equal((await end).code, code, `from ${String(given)}`);
      }
    },
  },
  {
    clause: `${CLAUSE}, [Clamp] unsigned short`,
    says: 'fractions are rounded to the nearest, ties to even',
    chromiumDiffers: 'it truncates',
    async run(subject) {
      const socket = await open(subject);
      throwsDom('InvalidAccessError', () => socket.close(999.4), '999.4');
      throwsDom('InvalidAccessError', () => socket.close(4999.5), '4999.5');
      throwsDom('InvalidAccessError', () => socket.close(2998.5), '2998.5');
      for (const [given, code] of [
        [2999.5, 3000],
        [3000.5, 3000],
        [4998.6, 4999],
      ] as const) {
        const other = await open(subject);
        const end = next(other, 'close');
        other.close(given);
        equal((await end).code, code, String(given));
      }
      socket.close(1000.4);
      equal(socket.readyState, 2);
    },
  },
  {
    clause: `${CLAUSE}, validate close code and reason, step 2`,
    says: 'a reason of more than 123 bytes of UTF-8 throws SyntaxError; 123 are sent',
    async run(subject) {
      const socket = await open(subject);
      for (const reason of ['x'.repeat(124), 'é'.repeat(62), '💩'.repeat(31), '\ud800'.repeat(42)])
        throwsDom('SyntaxError', () => socket.close(1000, reason), reason.slice(0, 3));
      equal(socket.readyState, 1);
      socket.close();
      const longest = `${'é'.repeat(61)}x`;
      equal(await seenByServer(subject, (other) => other.close(3000, longest)), [3000, longest, []]);
    },
  },
  {
    clause: `${CLAUSE}, validate close code and reason`,
    says: 'the code is checked before the reason, and both are converted first',
    async run(subject) {
      const socket = await open(subject);
      const close = (...given: unknown[]) => Reflect.apply(socket.close, socket, given);
      throwsDom('InvalidAccessError', () => close(1, 'x'.repeat(124)));
      throwsType(() => close(1, Symbol('reason')), 'conversion comes first');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'checks are made in every state',
    async run(subject) {
      const socket = dial(subject);
      throwsDom('InvalidAccessError', () => socket.close(1), 'CONNECTING');
      equal(socket.readyState, 0);
      await next(socket, 'open');
      const closed = next(socket, 'close');
      socket.close();
      throwsDom('InvalidAccessError', () => socket.close(1), 'CLOSING');
      await closed;
      throwsDom('SyntaxError', () => socket.close(1000, 'x'.repeat(124)), 'CLOSED');
    },
  },
  {
    clause: `${CLAUSE}, close the WebSocket`,
    says: 'in CLOSING and CLOSED it does nothing',
    async run(subject) {
      const socket = await open(subject);
      let closes = 0;
      socket.addEventListener('close', () => closes++);
      const closed = next(socket, 'close');
      socket.close(3001);
      socket.close(3002, 'later');
      equal(socket.readyState, 2);
      equal((await closed).code, 3001);
      socket.close();
      socket.close(3003);
      await microtasks();
      equal([closes, socket.readyState], [1, 3]);
    },
  },
  {
    clause: `${CLAUSE}, close the WebSocket`,
    says: 'in CONNECTING it fails the connection: CLOSING at once, then in a later task CLOSED, error, close 1006',
    async run(subject) {
      const socket = dial(subject);
      const fired: unknown[] = [];
      socket.onopen = () => fired.push('open');
      socket.onerror = () => fired.push(['error', socket.readyState]);
      socket.onclose = ({ code, reason, wasClean }) => fired.push(['close', socket.readyState, code, reason, wasClean]);
      socket.close(3000, 'unheard');
      equal([socket.readyState, fired], [2, []], 'synchronously');
      await microtasks();
      equal([socket.readyState, fired], [2, []], 'after microtasks');
      await next(socket, 'close');
      equal(fired, [
        ['error', 3],
        ['close', 3, 1006, '', false],
      ]);
    },
  },
  {
    clause: `${CLAUSE}, start the closing handshake`,
    says: 'in OPEN: CLOSING at once, and the close event in a later task',
    async run(subject) {
      const socket = await open(subject);
      const fired: string[] = [];
      for (const type of ['error', 'close']) socket.addEventListener(type, () => fired.push(type));
      socket.close(1000, 'done');
      equal([socket.readyState, fired], [2, []]);
      await microtasks();
      equal([socket.readyState, fired], [2, []]);
      const { code, wasClean } = await next(socket, 'close');
      equal([code, wasClean, fired, socket.readyState], [1000, true, ['close'], 3]);
    },
  },
  {
    clause: `${CLAUSE}, start the closing handshake`,
    says: 'the Close frame has a body only with a code and reason',
    async run(subject) {
      equal(await seenByServer(subject, (socket) => socket.close()), [1005, '', []]);
      equal(await seenByServer(subject, (socket) => socket.close(1000)), [1000, '', []]);
      equal(await seenByServer(subject, (socket) => socket.close(4999, 'wéll 💩')), [4999, 'wéll 💩', []]);
      equal(await seenByServer(subject, (socket) => socket.close(undefined, undefined)), [1005, '', []]);
    },
  },
  {
    clause: `${CLAUSE}, USVString`,
    says: 'lone surrogates in the reason are U+FFFD',
    async run(subject) {
      equal(await seenByServer(subject, (socket) => socket.close(1000, 'a\ud800b\udc00')), [
        1000,
        'a\ufffdb\ufffd',
        [],
      ]);
    },
  },
  {
    clause: `${CLAUSE}, DOMString conversion`,
    says: 'a reason that is not a string is converted to one; undefined means none',
    async run(subject) {
      for (const [given, seen] of [
        [
          [3000, null],
          [3000, 'null', []],
        ],
        [
          [3001, 42],
          [3001, '42', []],
        ],
        [
          [3002, { toString: () => 'own' }],
          [3002, 'own', []],
        ],
        [
          [3003, undefined],
          [3003, '', []],
        ],
      ] as const)
        equal(await seenByServer(subject, (socket) => Reflect.apply(socket.close, socket, given)), seen);
    },
  },
  {
    clause: `${CLAUSE}, start the closing handshake`,
    says: 'an undefined code means none: a reason is then sent with 1000',
    chromiumDiffers: 'before a reason it takes it as 0',
    async run(subject) {
      for (const [given, seen] of [
        [
          [undefined, 'alone'],
          [1000, 'alone', []],
        ],
        [
          [undefined, ''],
          [1005, '', []],
        ],
      ] as const)
        equal(await seenByServer(subject, (socket) => Reflect.apply(socket.close, socket, given)), seen);
    },
  },
  {
    clause: 'Feedback from the protocol, the connection is closed; RFC 6455 §5.5.1',
    says: 'the closing end’s close event has the code and reason of the other end’s answer, which are the same',
    async run(subject) {
      for (const [given, code, reason] of [
        [[3456, 'pizza'], 3456, 'pizza'],
        [[1000, 'wéll'], 1000, 'wéll'],
        [[1000, '\ud807'], 1000, '\ufffd'],
        [[1000], 1000, ''],
        [[], 1005, ''],
      ] as const) {
        const socket = await open(subject);
        const closed = next(socket, 'close');
        Reflect.apply(socket.close, socket, given);
        const event = await closed;
        equal([event.code, event.reason, event.wasClean], [code, reason, true], JSON.stringify(given));
      }
    },
  },
  {
    clause: `${CLAUSE}, note`,
    says: 'earlier messages are not discarded: they are sent before the handshake',
    async run(subject) {
      const [, , texts] = await seenByServer(subject, (socket) => {
        for (let i = 0; i < 20; i++) socket.send(`message ${i}`);
        socket.send(new Blob(['from a blob']));
        socket.close();
      });
      equal(texts, [...Array.from({ length: 20 }, (_, i) => `message ${i}`), 'from a blob']);
    },
  },
  {
    clause: `${CLAUSE}, return type undefined`,
    says: 'it returns undefined',
    async run(subject) {
      const socket = await open(subject);
      equal(Reflect.apply(socket.close, socket, []), undefined);
    },
  },
];
