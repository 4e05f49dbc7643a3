import { createRequire } from 'node:module';
import { ClientSecureWebSocket } from '@sws/client';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { afterEach, expect, test } from 'vitest';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

/** The copy that graphql-ws loads; the test runner would take the one for bundlers. */
const { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString }: typeof import('graphql') = createRequire(
  import.meta.url,
)('graphql');
const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

test('graphql-ws, client and useServer: a query, and a subscription that a killed relay only delays', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  const waiting: ((count: number) => void)[] = [];
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType({
      name: 'Query',
      fields: { hello: { type: GraphQLString, resolve: () => 'world' } },
    }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: {
        counted: {
          type: GraphQLInt,
          async *subscribe() {
            for (;;) yield { counted: await new Promise<number>((resolve) => waiting.push(resolve)) };
          },
        },
      },
    }),
  });
  const { dispose } = useServer({ schema }, server);
  const client = createClient({
    url: `${url}/graphql`,
    lazy: false,
    retryAttempts: 0,
    webSocketImpl: ClientSecureWebSocket.with({ identity: newIdentity() }),
  });
  const query = client.iterate({ query: '{ hello }' });
  expect((await query.next()).value).toEqual({ data: { hello: 'world' } });
  const seen: unknown[] = [];
  client.subscribe(
    { query: 'subscription { counted }' },
    { next: ({ data }) => seen.push(data?.counted), error: (error) => seen.push(error), complete: () => {} },
  );
  const publish = async (count: number) => {
    await until(() => waiting.length > 0);
    waiting.shift()?.(count);
  };
  for (const count of [1, 2, 3]) {
    await publish(count);
    await until(() => seen.length === count);
  }
  await relay.kill();
  await publish(4);
  await relay.start();
  await until(() => seen.length === 4);
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(connections()).toBe(1);
  const closed = new Promise((resolve) => client.on('closed', resolve));
  await dispose();
  expect(await closed).toMatchObject({ code: 1001, reason: 'Going away' });
});
