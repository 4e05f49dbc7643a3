import { ClientSecureWebSocket } from '@sws/client';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { afterEach, expect, test } from 'vitest';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

test('tRPC, wsLink and applyWSSHandler: calls and a subscription across a killed relay; the context sees the caller’s key', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  const t = initTRPC.context<{ key: string | undefined }>().create();
  const waiting: ((count: number) => void)[] = [];
  const router = t.router({
    whoami: t.procedure.query(({ ctx }) => ctx.key),
    double: t.procedure
      .input((value: unknown) => {
        if (typeof value !== 'number') throw new TypeError('a number');
        return value;
      })
      .mutation(({ input }) => input * 2),
    counted: t.procedure.subscription(async function* () {
      for (;;) yield await new Promise<number>((resolve) => waiting.push(resolve));
    }),
  });
  applyWSSHandler({
    wss: server,
    router,
    createContext: ({ req }) => ({ key: req.socket.remoteAddress }),
    keepAlive: { enabled: true, pingMs: 1_000, pongWaitMs: 15_000 },
  });
  const identity = newIdentity();
  const client = createWSClient({
    url: `${url}/trpc`,
    WebSocket: ClientSecureWebSocket.with({ identity }),
  });
  stoppers.add(() => client.close());
  const trpc = createTRPCClient<typeof router>({ links: [wsLink({ client })] });
  expect(await trpc.whoami.query()).toBe(identity.publicKey);
  expect(await trpc.double.mutate(21)).toBe(42);
  const seen: unknown[] = [];
  trpc.counted.subscribe(undefined, { onData: (value) => seen.push(value), onError: (error) => seen.push(error) });
  await until(() => waiting.length > 0);
  waiting.shift()?.(1);
  await until(() => seen.length === 1 && waiting.length > 0);
  await relay.kill();
  waiting.shift()?.(2);
  const call = trpc.double.mutate(4);
  await relay.start();
  expect(await call).toBe(8);
  await until(() => seen.length === 2);
  expect(seen).toEqual([1, 2]);
  expect(connections()).toBe(1);
});
