import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type PeerMessageEvent,
  type SecureWebSocket,
} from '@sws/client';
import {
  type CryptoProvider,
  exportIdentity,
  Identity,
  importIdentity,
  type KeyStore,
  naclProvider,
  seal,
  unseal,
} from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type Case, type CaseResult, next, runCases, type SuiteConfig, same } from './suite.js';

/** What differs between platforms. */
export interface Platform {
  /** The providers that make sense here, beside `nacl`. */
  readonly providers: readonly (() => Promise<CryptoProvider>)[];
  /** Opens the platform's own store, the same place every time. */
  readonly store: () => KeyStore;
  /** Behaviours that only this platform can have. */
  readonly more: readonly Case[];
}

interface Pair {
  readonly a: SecureWebSocket;
  readonly b: SecureWebSocket;
  readonly listener: Endpoint;
}

const LARGE_BYTES = 1_048_576;
/** Messages on each side of a restart. */
const BURST = 200;

/** The client's behaviour, as the same program sees it in every runtime: two ends in one process, a relay outside. */
export function runBehaviour(config: SuiteConfig, platform: Platform): Promise<CaseResult[]> {
  const open: { close(): unknown }[] = [];
  const relay = config.relay;

  async function registered(identity: Identity, options: object = {}): Promise<Endpoint> {
    const endpoint = new Endpoint(relay, { identity, ...options });
    open.push(endpoint);
    await endpoint.ready;
    while (endpoint.state !== 'registered') await next(endpoint, 'state');
    return endpoint;
  }

  async function connect(protocols: string[] = [], providers = [naclProvider, naclProvider]): Promise<Pair> {
    const [alice, bob] = providers.map((provider) => ({
      identity: Identity.generate(randomBytes, provider),
      provider,
    }));
    if (alice === undefined || bob === undefined) throw new Error('two providers');
    const listener = await registered(bob.identity, {
      provider: bob.provider,
      accept: (request: { protocols: readonly string[] }) => ({ protocol: request.protocols.at(-1) ?? '' }),
    });
    const connection = next<ConnectionEvent>(listener, 'connection');
    const a = new ClientSecureWebSocket(`${relay}${bob.identity.publicKey}/room?x=1`, protocols, alice);
    open.push(a);
    await next(a, 'open');
    const b = (await connection).socket;
    a.binaryType = 'arraybuffer';
    b.binaryType = 'arraybuffer';
    return { a, b, listener };
  }

  async function receive(socket: EventTarget, count: number): Promise<unknown[]> {
    const got: unknown[] = [];
    await new Promise<void>((resolve) => {
      socket.addEventListener('message', (event) => {
        const { data } = event as MessageEvent;
        got.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data);
        if (got.length === count) resolve();
      });
    });
    return got;
  }

  const cases: Case[] = [
    {
      name: 'text, bytes, blobs and nothing, both ways, in order',
      async run() {
        const { a, b } = await connect(['v1', 'v2']);
        same('protocol', [a.protocol, b.protocol, b.resource], ['v2', 'v2', '/room?x=1']);
        for (const [from, to] of [[a, b] as const, [b, a] as const]) {
          const all = receive(to, 7);
          from.send('héllo 👋');
          from.send(new Blob([Uint8Array.of(1, 2)]));
          from.send('');
          from.send(new ArrayBuffer(0));
          from.send(Uint8Array.of(3, 4).buffer);
          from.send(new DataView(Uint8Array.of(9, 5, 9).buffer, 1, 1));
          from.send('last');
          same('messages', await all, ['héllo 👋', [1, 2], '', [], [3, 4], [5], 'last']);
        }
        a.binaryType = 'blob';
        const message = next<MessageEvent>(a, 'message');
        b.send(Uint8Array.of(7));
        const { data } = await message;
        same('blob', [data instanceof Blob, [...new Uint8Array(await (data as Blob).arrayBuffer())]], [true, [7]]);
      },
    },
    {
      name: 'one megabyte each way, as text and as bytes',
      async run() {
        const { a, b } = await connect();
        const bytes = randomBytes(LARGE_BYTES);
        const text = '0123456789abcdé '.repeat(LARGE_BYTES / 17);
        for (const [from, to] of [[a, b] as const, [b, a] as const]) {
          for (const sent of [bytes as Uint8Array<ArrayBuffer>, text]) {
            const message = next<MessageEvent>(to, 'message');
            from.send(sent);
            const { data } = await message;
            const whole =
              typeof sent === 'string'
                ? data === sent
                : naclProvider.sha512(new Uint8Array(data)).join() === naclProvider.sha512(sent).join();
            same('it came whole', whole, true);
          }
        }
      },
    },
    {
      name: 'close codes and reasons',
      async run() {
        const closes = async (close: (pair: Pair) => void) => {
          const pair = await connect();
          const both = [pair.a, pair.b].map((socket) => next<CloseEvent>(socket, 'close'));
          close(pair);
          return (await Promise.all(both)).map(({ code, reason, wasClean }) => [code, reason, wasClean]);
        };
        same('4001', await closes(({ b }) => b.close(4001, 'enough')), [
          [4001, 'enough', true],
          [4001, 'enough', true],
        ]);
        same('none', await closes(({ a }) => a.close()), [
          [1005, '', true],
          [1005, '', true],
        ]);
      },
    },
    {
      name: 'an absent peer, a refusal, and no relay: error, then 1006',
      async run() {
        const bob = Identity.generate(randomBytes);
        const attempt = async (url: string) => {
          const socket = new ClientSecureWebSocket(url, [], { identity: Identity.generate(randomBytes) });
          const [error, close] = await Promise.all([
            next<Event & { code: string }>(socket, 'error'),
            next<CloseEvent>(socket, 'close'),
          ]);
          return [error.code, close.code, close.wasClean];
        };
        same('offline', await attempt(`${relay}${bob.publicKey}`), ['offline', 1006, false]);
        await registered(bob, { accept: () => false });
        same('refused', await attempt(`${relay}${bob.publicKey}`), ['refused', 1006, false]);
        // Node says why; browsers do not.
        const [code, ...end] = await attempt(`ws://127.0.0.1:9/${bob.publicKey}`);
        same('no relay', [code === 'connection-lost' || code === 'relay-refused', ...end], [true, 1006, false]);
      },
    },
    {
      name: 'delivered, drain and bufferedAmount',
      async run() {
        const { a, b } = await connect();
        const all = receive(b, 20);
        const drained = next(a, 'drain');
        for (let i = 0; i < 20; i++) a.send('x'.repeat(5_000));
        same('buffered', a.bufferedAmount, 100_000);
        await a.delivered();
        await drained;
        same('buffered', a.bufferedAmount, 0);
        same('received', (await all).length, 20);
      },
    },
    {
      name: 'one-line messages of an endpoint: JSON and bytes',
      async run() {
        const receiver = await registered(Identity.generate(randomBytes));
        const got: unknown[] = [];
        receiver.addEventListener('message', ({ data }: PeerMessageEvent) =>
          got.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data),
        );
        const sender = await registered(Identity.generate(randomBytes));
        await sender.send(receiver.address ?? '', { hello: ['world'] });
        await sender.send(receiver.address ?? '', Uint8Array.of(7));
        same('messages', got, [{ hello: ['world'] }, [7]]);
      },
    },
    {
      name: 'the relay is killed and started again in the middle: all of it, once, in order',
      async run() {
        const { a, b } = await connect();
        const got = receive(b, 3 * BURST);
        const back = receive(a, BURST);
        const interrupted = next(a, 'interrupted');
        const send = (from: number) => {
          for (let i = from; i < from + BURST; i++) a.send(`${i}:${'x'.repeat(300)}`);
        };
        send(0);
        const restarted = fetch(`${config.control}/restart`, { method: 'POST' });
        send(BURST);
        await interrupted;
        for (let i = 0; i < BURST; i++) b.send(`back ${i}`);
        same('restart', (await restarted).status, 204);
        send(2 * BURST);
        same(
          'messages',
          (await got).map((text) => Number.parseInt(String(text), 10)),
          Array.from({ length: 3 * BURST }, (_, i) => i),
        );
        same('back', (await back).at(-1), `back ${BURST - 1}`);
        await a.delivered();
      },
    },
    {
      name: 'the platform’s own store keeps the identity',
      async run() {
        const first = platform.store();
        await first.remove();
        const seed = await first.loadOrCreate(() => randomBytes(32));
        await first.close();
        const second = platform.store();
        same('seed', [...((await second.load()) ?? [])], [...seed]);
        await second.remove();
        same('removed', await second.load(), null);
        await second.close();
      },
    },
    {
      name: 'an identity as text, plain and sealed',
      async run() {
        const identity = Identity.generate(randomBytes);
        same('plain', importIdentity(exportIdentity(identity)).publicKey, identity.publicKey);
        const sealed = await seal(identity, 'passphrase', randomBytes);
        same('sealed', (await unseal(sealed, 'passphrase')).publicKey, identity.publicKey);
      },
    },
    {
      name: 'ends with different providers understand each other',
      async run() {
        for (const load of platform.providers) {
          const other = await load();
          for (const providers of [
            [other, naclProvider],
            [naclProvider, other],
          ]) {
            const { a, b } = await connect([], providers);
            const message = next<MessageEvent>(b, 'message');
            a.send(other.name);
            same('message', (await message).data, other.name);
          }
        }
      },
    },
  ];

  const all = [...cases, ...platform.more].map(({ name, run }) => ({
    name,
    async run() {
      try {
        await run(config);
      } finally {
        for (const closable of open.splice(0)) await closable.close();
      }
    },
  }));
  return runCases(config, all);
}
