import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { next, pairOf, SUBJECTS } from './server-subjects.js';

describe.each(SUBJECTS)('the options of ws’s server: %s', (_name, subject) => {
  const withPair = pairOf(subject);

  test('handleProtocols gets a Set and the request, and chooses; it is not called without an offer', async () => {
    const asked: unknown[] = [];
    const handleProtocols = (protocols: Set<string>, request: IncomingMessage) => {
      asked.push([...protocols, request.url]);
      return [...protocols].at(-1) ?? false;
    };
    await withPair(async (socket) => expect(socket.protocol).toBe('bar'), { handleProtocols }, '/?x', ['foo', 'bar']);
    await withPair(async (socket) => expect(socket.protocol).toBe(''), { handleProtocols });
    expect(asked[0]).toEqual(['foo', 'bar', '/?x']);
    expect(new Set(asked.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  test.each([false, undefined, ''])(
    'handleProtocols answering %j chooses none, and a client that offered some fails',
    async (none) => {
      const server = await subject.serve({ handleProtocols: () => none as false });
      const client = subject.dial(server, '/', ['foo']);
      client.onerror = () => {};
      expect((await next(client, 'close')).code).toBe(1006);
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  );

  test('path and verifyClient refuse a client without a connection event', async () => {
    const server = await subject.serve({
      path: '/ws',
      verifyClient: ({ req }: { req: IncomingMessage }) => !req.url?.endsWith('no'),
    });
    let connections = 0;
    server.on('connection', () => connections++);
    for (const path of ['/', '/ws/', '/ws?no']) {
      const client = subject.dial(server, path);
      client.onerror = () => {};
      expect((await next(client, 'close')).code).toBe(1006);
    }
    expect(connections).toBe(0);
    const client = subject.dial(server, '/ws?yes');
    await Promise.all([next(client, 'open'), once(server, 'connection')]);
    expect(connections).toBe(1);
    const should = (url: string) => Reflect.apply(server.shouldHandle, server, [{ url }]);
    expect(['/ws', '/ws?bar=baz', '/foo'].map(should)).toEqual([true, true, false]);
    const closed = next(client, 'close');
    client.close();
    await closed;
    await new Promise((resolve) => server.close(resolve));
  });

  test('a verifyClient of two parameters answers later', async () => {
    const server = await subject.serve({ verifyClient: (_info, answer) => setImmediate(answer, true) });
    const connection = once(server, 'connection');
    const client = subject.dial(server);
    await Promise.all([connection, next(client, 'open')]);
    client.close();
    await next(client, 'close');
    await new Promise((resolve) => server.close(resolve));
  });

  test('`clients` drops a socket when its close event fires; without clientTracking there is none', async () => {
    await withPair(async (socket, client, server) => {
      expect([...server.clients]).toEqual([socket]);
      client.close();
      await once(socket, 'close');
      expect(server.clients.size).toBe(0);
    });
    await withPair(async (socket, _client, server) => {
      socket.terminate();
      const [code, reason] = await once(socket, 'close');
      expect([code, String(reason), server.clients.size]).toEqual([1006, '', 0]);
    });
    await withPair(async (_socket, _client, server) => expect(server.clients).toBe(undefined), {
      clientTracking: false,
    });
  });

  test('closing a server twice gives the second callback an error', async () => {
    const server = await subject.serve();
    const called: unknown[] = [];
    const first = once(server, 'close');
    server.close((error) => called.push(error));
    server.close((error) => called.push(error));
    server.close();
    await first;
    expect([called, server.address()]).toEqual([[undefined, undefined], null]);
    const second = once(server, 'close');
    const error = await new Promise<Error | undefined>((resolve) => server.close(resolve));
    expect(error?.message).toBe('The server is not running');
    await second;
  });
});
