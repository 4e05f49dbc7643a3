// One endpoint from its making to its end, several of one identity, and policies that answer later.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ClientSecureWebSocket, type ConnectionEvent, Endpoint, type SecureErrorEvent } from '../src/index.js';
import { SecureWebSocketServer } from '../src/ws/index.js';
import { alice, bob, endpoint, relay, useRelay } from './each-relay.js';
import { event } from './relay.js';

useRelay();

function dial(path: string): ClientSecureWebSocket {
  return new ClientSecureWebSocket(`${relay.url}${bob.publicKey}${path}`, [], { identity: alice });
}
/** `open`, or why not. */
async function outcome(socket: ClientSecureWebSocket): Promise<string> {
  return Promise.race([
    event(socket, 'open').then(() => 'open'),
    event<SecureErrorEvent>(socket, 'error').then(({ code }) => code),
  ]);
}

describe('several endpoints of one identity', () => {
  test('each gets the channels that its policy accepts; closing one leaves the others', async () => {
    const got: string[] = [];
    const listeners = ['/one', '/two'].map((path) => {
      const made = endpoint(bob, { accept: ({ resource }) => resource === path });
      made.addEventListener('connection', ({ socket }) => got.push(`${path} has ${socket.resource}`));
      return made;
    });
    await Promise.all(listeners.map(({ registered }) => registered));
    for (const path of ['/two', '/one', '/one']) expect(await outcome(dial(path))).toBe('open');
    await expect.poll(() => got).toEqual(['/two has /two', '/one has /one', '/one has /one']);
    expect(await outcome(dial('/three'))).toBe('refused');
    await listeners[1]?.close();
    expect(await outcome(dial('/two'))).toBe('refused');
    expect(await outcome(dial('/one'))).toBe('open');
  });

  test('servers for `ws` libraries share an identity by path', async () => {
    const servers = ['/one', '/two'].map((path) => {
      const server = new SecureWebSocketServer({ relay: relay.url, identity: bob, path });
      server.on('connection', (socket) => socket.send(path));
      return server;
    });
    await Promise.all(servers.map((server) => server.endpoint.registered));
    for (const path of ['/one', '/two']) {
      const socket = dial(path);
      expect((await event<MessageEvent>(socket, 'message')).data).toBe(path);
      socket.close();
    }
    for (const server of servers) {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('one recreated in the same turn, as React does in development, is reachable', async () => {
    const first = endpoint(bob, { accept: () => true });
    void first.close();
    const second = endpoint(bob, { accept: () => true });
    await second.registered;
    expect(await outcome(dial('/'))).toBe('open');
  });
});

describe('the end of an endpoint', () => {
  test('close() in the turn of construction: nothing is registered', async () => {
    const made = endpoint(bob);
    await made.close();
    await made.ready;
    expect([made.state, relay.router.size]).toEqual(['closed', 0]);
  });

  test('connect() once it closes fails', async () => {
    const made = endpoint(alice);
    await made.registered;
    const socket = made.connect(bob.publicKey);
    const closed = made.close();
    expect(await outcome(made.connect(bob.publicKey))).toBe('closed');
    await closed;
    expect(socket.readyState).toBe(ClientSecureWebSocket.CLOSED);
  });

  test('a peer whose accepted channel is not open yet is refused', async () => {
    let accepted = (): void => {};
    const made = endpoint(bob, {
      accept: () => {
        accepted();
        return true;
      },
    });
    const connections: unknown[] = [];
    made.addEventListener('connection', (connection) => connections.push(connection));
    // Another one keeps the registration.
    await endpoint(bob, { accept: () => false }).registered;
    const closing = new Promise<void>((resolve) => {
      accepted = () => resolve(made.close());
    });
    const socket = dial('/');
    const closed = event<CloseEvent>(socket, 'close');
    await closing;
    expect([(await closed).code, connections]).toEqual([1006, []]);
  });

  test('an AbortSignal’s listener is removed', async () => {
    const { signal } = new AbortController();
    const listeners = { added: 0 };
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      listeners.added++;
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listeners.added--;
      remove(...given);
    };
    await endpoint(bob, { signal }).close();
    expect(listeners.added).toBe(0);
  });

  test('a silent relay does not keep the connection or process long after close()', async () => {
    let frozen = false;
    let gone: Promise<unknown> = Promise.reject(new Error('nobody dialled'));
    gone.catch(() => {});
    const proxy = createServer((client) => {
      gone = once(client, 'close');
      const upstream = connect(relay.port, '127.0.0.1');
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        from.on('data', (data) => !frozen && to.write(data));
        from.on('error', () => {});
      }
      client.on('close', () => upstream.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const made = new Endpoint(`ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/`, { identity: bob });
    await made.registered;
    frozen = true;
    await made.close();
    await gone; // `ws` would wait 30 s for an answer: longer than this test may take
    proxy.close();
  });
});

describe('an accept policy that answers later', () => {
  test('accepts or refuses when it answers, and is called once although OPEN is repeated', async () => {
    const asked: string[] = [];
    let answer: (ok: boolean) => void = () => {};
    const made = endpoint(bob, {
      accept: ({ resource }) => {
        asked.push(resource);
        return new Promise<boolean>((resolve) => {
          answer = resolve;
        });
      },
    });
    await made.registered;
    const socket = dial('/yes');
    const opened = outcome(socket);
    await expect.poll(() => asked).toEqual(['/yes']);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // OPEN goes out again after 1 s
    expect([asked, socket.readyState]).toEqual([['/yes'], 0]);
    answer(true);
    expect(await opened).toBe('open');
    const refused = outcome(dial('/no'));
    await expect.poll(() => asked).toEqual(['/yes', '/no']);
    answer(false);
    expect(await refused).toBe('refused');
  });

  test('of several, the next is called when one refuses', async () => {
    endpoint(bob, { accept: async () => false });
    const second = endpoint(bob, { accept: async () => ({ protocol: '' }) });
    const connection = event<ConnectionEvent>(second, 'connection');
    await second.registered;
    expect(await outcome(dial('/'))).toBe('open');
    expect((await connection).socket.peer).toBe(alice.publicKey);
  });
});

describe('registered', () => {
  test('resolves with the address when peers can reach it, also after a lost connection', async () => {
    const made = endpoint(bob, { accept: () => true });
    expect(await made.registered).toBe(bob.publicKey);
    relay.cut();
    await event(made, 'state');
    expect(await made.registered).toBe(bob.publicKey);
    expect(made.state).toBe('registered');
  });

  test('rejects with the reason if it cannot register', async () => {
    const pinned = endpoint(bob, { serverKey: 'ab'.repeat(32) });
    await expect(pinned.registered).rejects.toMatchObject({ code: 'wrong-server-key' });
    const closed = endpoint(alice);
    const waiting = closed.registered;
    await closed.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    await expect(closed.registered).rejects.toMatchObject({ code: 'closed' });
  });
});
