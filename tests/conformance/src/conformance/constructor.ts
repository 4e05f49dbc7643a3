import { equal, ok, throwsDom, throwsType } from './assert.js';
import { closeFully, dial, microtasks, next, open, type Statement, urlOf } from './statement.js';

const CLAUSE = 'The WebSocket interface, constructor steps';
const PROTOCOLS = `${CLAUSE}: protocols`;

/** Characters that no subprotocol has: RFC 6455 §4.1, RFC 2616 §2.2. */
const SEPARATORS = [...'()<>@,;:\\"/[]?={} \t\n\r\u0000\u007f\u0080é€'];

export const constructorStatements: readonly Statement[] = [
  {
    clause: CLAUSE,
    says: 'the URL is required',
    run({ WebSocket }) {
      throwsType(() => Reflect.construct(WebSocket, []));
    },
  },
  {
    clause: CLAUSE,
    says: 'arguments are converted before anything is checked',
    run({ WebSocket }) {
      throwsType(() => Reflect.construct(WebSocket, [Symbol('url')]), 'a Symbol as URL');
      throwsType(() => Reflect.construct(WebSocket, ['not valid:', Symbol('protocol')]), 'a Symbol as protocol');
      throwsType(() => Reflect.construct(WebSocket, ['not valid:', [Symbol('protocol')]]), 'a Symbol in the sequence');
      throwsType(
        () => Reflect.construct(WebSocket, ['not valid:', { [Symbol.iterator]: 1 }]),
        'an iterator that is no function',
      );
    },
  },
  {
    clause: `${CLAUSE} 2`,
    says: 'a URL that does not parse throws SyntaxError',
    run(subject) {
      for (const url of ['wss://', 'ws://a:b:c/', 'ws://[::1', 'ws://x.example:99999/'])
        throwsDom('SyntaxError', () => new subject.WebSocket(url), url);
    },
  },
  {
    clause: `${CLAUSE} 1`,
    says: 'the URL is relative to the page’s base',
    page: true,
    run(subject) {
      const { host } = location;
      const socket = new subject.WebSocket(`${subject.prefix}/a/../echo?x#`.replace('#', ''));
      equal(socket.url, `ws://${host}${subject.prefix}/echo?x`);
      socket.close();
      const base = document.createElement('base');
      base.href = `http://elsewhere.example:8080${subject.prefix}/deep/`;
      document.head.append(base);
      const relative = new subject.WebSocket('echo');
      base.remove();
      equal(relative.url, `ws://elsewhere.example:8080${subject.prefix}/deep/echo`);
      relative.close();
      throwsDom('SyntaxError', () => new subject.WebSocket('#fragment'));
    },
  },
  {
    clause: `${CLAUSE} 4–5`,
    says: 'http and https are mapped to ws and wss',
    run(subject) {
      const plain = new subject.WebSocket(urlOf(subject).replace('ws:', 'http:'));
      equal(plain.url, urlOf(subject));
      plain.close();
      const secure = new subject.WebSocket(`https://x.example${subject.prefix}/echo`);
      equal(secure.url, `wss://x.example${subject.prefix}/echo`);
      secure.close();
    },
  },
  {
    clause: `${CLAUSE} 6`,
    says: 'any other scheme throws SyntaxError',
    run(subject) {
      for (const scheme of ['ftp', 'file', 'mailto', 'about', 'data', 'javascript', 'blob', 'wsss', 'x'])
        throwsDom('SyntaxError', () => new subject.WebSocket(`${scheme}://x.example${subject.prefix}/`), scheme);
    },
  },
  {
    clause: `${CLAUSE} 7`,
    says: 'a fragment, also an empty one, throws SyntaxError',
    run(subject) {
      throwsDom('SyntaxError', () => dial(subject, '/echo#'), 'empty');
      throwsDom('SyntaxError', () => dial(subject, '/echo#x'), 'not empty');
      throwsDom('SyntaxError', () => dial(subject, '/echo?x#y'), 'after a query');
      const encoded = dial(subject, '/echo%23x');
      ok(encoded.url.endsWith('/echo%23x'), 'an encoded one is no fragment');
      encoded.close();
    },
  },
  {
    clause: `${PROTOCOLS} (step 8)`,
    says: 'a string is a sequence of one',
    async run(subject) {
      const socket = await open(subject, '/echo?choose=chat.v1', 'chat.v1');
      equal(socket.protocol, 'chat.v1');
      socket.close();
    },
  },
  {
    clause: `${PROTOCOLS} (step 9)`,
    says: 'a repeated one throws SyntaxError',
    run(subject) {
      throwsDom('SyntaxError', () => dial(subject, '/echo', ['a', 'b', 'a']));
      throwsDom('SyntaxError', () => dial(subject, '/echo', ['chat', 'chat']));
    },
  },
  {
    clause: `${PROTOCOLS} (step 9)`,
    says: 'one that is empty, or has a character that is invalid in Sec-WebSocket-Protocol, throws SyntaxError',
    run(subject) {
      throwsDom('SyntaxError', () => dial(subject, '/echo', ''), 'empty string');
      throwsDom('SyntaxError', () => dial(subject, '/echo', ['']), 'empty in a sequence');
      for (const character of SEPARATORS) {
        throwsDom('SyntaxError', () => dial(subject, '/echo', `a${character}b`), JSON.stringify(character));
        throwsDom('SyntaxError', () => dial(subject, '/echo', [character]), `${JSON.stringify(character)} alone`);
      }
    },
  },
  {
    clause: `${PROTOCOLS} (step 9)`,
    says: 'every token character is allowed',
    run(subject) {
      const socket = dial(subject, '/echo', "!#$%&'*+-.^_`|~09azAZ");
      equal(socket.readyState, 0);
      socket.close();
    },
  },
  {
    clause: `${PROTOCOLS}, Web IDL conversion`,
    says: 'undefined means none; null, numbers and objects become strings; iterables become sequences',
    async run(subject) {
      const none = await open(subject, '/echo', undefined);
      equal(none.protocol, '');
      none.close();
      for (const [given, chosen] of [
        [null, 'null'],
        [7, '7'],
        [new Set(['a', 'b']), 'b'],
        [new String('x'), 'x'],
        [{ toString: () => 'own' }, 'own'],
      ] as const) {
        const socket: WebSocket = Reflect.construct(subject.WebSocket, [
          urlOf(subject, `/echo?choose=${chosen}`),
          given,
        ]);
        await next(socket, 'open');
        equal(socket.protocol, chosen, `from ${String(given)}`);
        socket.close();
      }
      const empty = await open(subject, '/echo', []);
      equal(empty.protocol, '');
      empty.close();
    },
  },
  {
    clause: `${CLAUSE}, attribute initial values`,
    says: 'a new object is CONNECTING, with nothing buffered, no protocol, no extensions, binaryType blob, no handlers',
    run(subject) {
      const socket = dial(subject, '/echo?choose=a', ['a']);
      const { readyState, bufferedAmount, protocol, extensions, binaryType } = socket;
      equal([readyState, bufferedAmount, protocol, extensions, binaryType], [0, 0, '', '', 'blob']);
      equal([socket.onopen, socket.onerror, socket.onclose, socket.onmessage], [null, null, null, null]);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE} 11`,
    says: 'the connection is established in parallel: events fire only in later tasks',
    async run(subject) {
      const socket = dial(subject);
      const fired: string[] = [];
      for (const type of ['open', 'error', 'close']) socket.addEventListener(type, () => fired.push(type));
      await microtasks();
      equal([fired, socket.readyState], [[], 0]);
      await next(socket, 'open');
      socket.close();
    },
  },
  {
    clause: 'url attribute',
    says: 'the URL serialised: host in lower case, default port dropped, path and query percent-encoded',
    run(subject) {
      const host = subject.origin.replace('ws://127.0.0.1', 'WS://LOCALHOST');
      const socket = new subject.WebSocket(`${host}${subject.prefix}/a b/./c/../é?ü=1 2`);
      equal(socket.url, `${host.toLowerCase()}${subject.prefix}/a%20b/%C3%A9?%C3%BC=1%202`);
      socket.close();
      const plain = new subject.WebSocket(`ws://x.example:80${subject.prefix}/`);
      equal(plain.url, `ws://x.example${subject.prefix}/`);
      plain.close();
      const secure = new subject.WebSocket(`wss://x.example:443${subject.prefix}/`);
      equal(secure.url, `wss://x.example${subject.prefix}/`);
      secure.close();
      const object: WebSocket = Reflect.construct(subject.WebSocket, [new URL(urlOf(subject))]);
      equal(object.url, urlOf(subject), 'from a URL object');
      object.close();
    },
  },
  {
    clause: 'url attribute',
    says: 'it does not change in any state',
    async run(subject) {
      const socket = await open(subject);
      const { url } = socket;
      equal(url, urlOf(subject));
      await closeFully(socket);
      equal(socket.url, url);
    },
  },
];
