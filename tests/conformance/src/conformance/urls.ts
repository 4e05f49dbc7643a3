import { equal, ok, throwsDom } from './assert.js';
import { dial, microtasks, next, open, type Statement, type Subject, task, urlOf } from './statement.js';

const CLAUSE = 'The WebSocket interface, constructor steps; URL, parsing';

/** What the server was asked for. */
async function askedFor(subject: Subject, resource: string): Promise<string> {
  const socket = dial(subject, resource);
  const { data } = await next(socket, 'message');
  socket.close();
  return data;
}

/** URLs as people mistype them, and what they are. */
export const urlStatements: readonly Statement[] = [
  {
    clause: CLAUSE,
    says: 'too few slashes, backslashes, surrounding white space and line ends inside are corrected',
    async run(subject) {
      const url = urlOf(subject);
      const [scheme = '', rest = ''] = url.split('://');
      for (const given of [
        `${scheme}:${rest}`,
        `${scheme}:/${rest}`,
        `${scheme}:////${rest}`,
        url.replaceAll('/', '\\'),
        ` \t\n ${url} \u0000`,
        `${url.slice(0, 4)}\n${url.slice(4, 9)}\t${url.slice(9)}\r`,
        url.replace('ws:', 'WS:'),
        url.replace('127.0.0.1', '0x7f.1'),
      ]) {
        const socket = new subject.WebSocket(given);
        equal(socket.url, url, JSON.stringify(given));
        await next(socket, 'open');
        socket.close();
      }
    },
  },
  {
    clause: CLAUSE,
    says: 'path and query reach the server unchanged, except percent-encoded as UTF-8 in any encoding of the page',
    async run(subject) {
      for (const [given, arrives] of [
        ['/url?x\u0000y', '/url?x%00y'],
        ['/url?å€💩', '/url?%C3%A5%E2%82%AC%F0%9F%92%A9'],
        ['/url/ü/"<>', '/url/%C3%BC/%22%3C%3E'],
        ['/url/%41%zz%', '/url/%41%zz%'],
        ['/url/a/./b/../c//d/', '/url/a/c//d/'],
        ["/url?a=b&a='x'+y;z?/\\|^`{}", '/url?a=b&a=%27x%27+y;z?/\\|^`{}'],
        ['/url?', '/url?'],
      ] as const)
        equal(await askedFor(subject, given), arrives, given);
    },
  },
  {
    clause: CLAUSE,
    says: 'invalid hosts and schemes throw SyntaxError',
    run(subject) {
      const { WebSocket, prefix } = subject;
      for (const url of [
        `ws://a%00b.example${prefix}/`,
        `ws://a%2Fb.example${prefix}/`,
        `ws://[::1${prefix}/`,
        `ws://1.2.3.256${prefix}/`,
        `ws://x.example:port${prefix}/`,
        `ws://${prefix}`.replace(prefix, ''),
        'mailto:example@example.org',
        'about:blank',
        'javascript:alert(1)',
        `blob:http://x.example${prefix}/`,
      ])
        throwsDom('SyntaxError', () => new WebSocket(url), url);
    },
  },
  {
    clause: `${CLAUSE}, hosts`,
    says: 'a host with a space throws SyntaxError',
    chromiumDiffers: 'it percent-encodes it',
    run({ WebSocket, prefix }) {
      for (const scheme of ['ws', 'wss'])
        throwsDom('SyntaxError', () => new WebSocket(`${scheme}://foo bar.com${prefix}/`), scheme);
    },
  },
  {
    clause: 'url attribute; MessageEvent, origin',
    says: 'user name and password stay in url and are not in an event’s origin',
    async run(subject) {
      const url = urlOf(subject, '/send?text=x').replace('ws://', 'ws://user:p%40ss@');
      const socket = new subject.WebSocket(url);
      equal(socket.url, url);
      const { origin } = await next(socket, 'message');
      equal(origin, subject.origin);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}, protocols`,
    says: 'arguments after the protocols are ignored',
    async run(subject) {
      const socket: WebSocket = Reflect.construct(subject.WebSocket, [urlOf(subject), [], 'stray', 7]);
      ok(socket instanceof subject.WebSocket, 'instanceof');
      await next(socket, 'open');
      socket.close();
    },
  },
  {
    clause: CLAUSE,
    says: 'an element that converts to a URL is accepted as that URL',
    page: true,
    async run(subject) {
      const link = document.createElement('a');
      link.href = urlOf(subject);
      const socket: WebSocket = Reflect.construct(subject.WebSocket, [link]);
      equal(socket.url, link.href);
      await next(socket, 'open');
      socket.close();
    },
  },
  {
    clause: 'Establish a WebSocket connection; Fetch, port blocking',
    says: 'a blocked port, a port without a listener, and an unknown host throw nothing: error and close 1006 fire in a later task',
    async run(subject) {
      for (const [origin, port] of [
        ['ws://127.0.0.1', 1],
        ['wss://127.0.0.1', 6667],
        ['ws://example.invalid', 80],
      ] as const) {
        const socket = new subject.WebSocket(`${origin}:${port}${subject.prefix}/echo`);
        const fired: unknown[] = [];
        for (const type of ['open', 'error', 'close'] as const)
          socket.addEventListener(type, (event) =>
            fired.push([event.type, socket.readyState, Reflect.get(event, 'code') === 1006]),
          );
        await microtasks();
        equal([fired, socket.readyState], [[], 0], `${port} at once`);
        const { wasClean, reason } = await next(socket, 'close');
        await task();
        equal(
          [fired.map((event) => (event as unknown[]).slice(0, 2)), wasClean, reason],
          [
            [
              ['error', 3],
              ['close', 3],
            ],
            false,
            '',
          ],
          `${port}`,
        );
      }
    },
  },
  {
    clause: 'Establish a WebSocket connection',
    says: 'a secure connection to a server without TLS fails: error, then close 1006',
    async run(subject) {
      const socket = new subject.WebSocket(urlOf(subject).replace('ws:', 'wss:'));
      const error = new Promise((resolve) => {
        socket.onerror = resolve;
      });
      const { code, wasClean } = await next(socket, 'close');
      equal([code, wasClean, socket.readyState], [1006, false, 3]);
      await error;
    },
  },
  {
    clause: CLAUSE,
    says: 'many sockets to one URL all open, each with its own connection',
    async run(subject) {
      const sockets = await Promise.all(Array.from({ length: 25 }, () => open(subject)));
      await Promise.all(
        sockets.map(async (socket, index) => {
          const answer = next(socket, 'message');
          socket.send(String(index));
          equal((await answer).data, String(index));
          const closed = next(socket, 'close');
          socket.close();
          equal((await closed).wasClean, true);
        }),
      );
    },
  },
];
