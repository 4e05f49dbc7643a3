import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { inProcessBackplane } from '@sws/router';
import { expect, test } from 'vitest';
import { startRelay } from '../src/index.js';
import { timesOf } from '../src/relay.js';
import { useRelays } from './started-relays.js';

const { relays, start } = useRelays();

test('two relays on one backplane route to each other, and a drained one loses nothing', async () => {
  const backplane = inProcessBackplane();
  const [one, two] = [await start({ chat: false, backplane }), await start({ chat: false, backplane })];
  const [alice, bob] = [Identity.generate(randomBytes), Identity.generate(randomBytes)];
  const receiver = new Endpoint(two.url, { identity: bob });
  const got: unknown[] = [];
  receiver.addEventListener('message', (event: Event & { data: unknown }) => got.push(event.data));
  while (receiver.state !== 'registered')
    await new Promise((resolve) => receiver.addEventListener('state', resolve, { once: true }));
  const sender = new Endpoint(one.url, { identity: alice });
  await sender.send(bob.publicKey, 'across');
  expect(got).toEqual(['across']);
  const port = two.port;
  const drained = two.drain({ spreadMs: 50, deadlineMs: 200 });
  const sending = sender.send(bob.publicKey, 'while it restarts');
  await drained;
  relays.splice(relays.indexOf(two), 1);
  await start({ chat: false, backplane, port });
  await sending;
  expect(got).toEqual(['across', 'while it restarts']);
  await Promise.all([sender.close(), receiver.close()]);
});

test('a relay that cannot listen leaves its backplane', async () => {
  const { port } = await start({ chat: false });
  const inner = inProcessBackplane();
  let joined = 0;
  const backplane: typeof inner = {
    ...inner,
    join(node) {
      const link = inner.join(node);
      joined++;
      return {
        ...link,
        leave() {
          joined--;
          link.leave();
        },
      };
    },
  };
  await expect(startRelay({ port, chat: false, backplane })).rejects.toThrow(/in use/);
  expect(joined).toBe(0);
  const waiting = startRelay({ port, chat: false, backplane, waitForPortMs: 10_000 });
  await relays.pop()?.close();
  relays.push(await waiting);
  expect([relays[0]?.port, joined]).toEqual([port, 1]);
});

test('by default a relay listens on its port only', async () => {
  const listening = () => process.getActiveResourcesInfo().filter((kind) => /ServerWrap$/.test(kind)).length;
  const before = listening();
  await start({ chat: false });
  expect(listening() - before).toBe(1);
});

test('a request may take 10 s, and a connection waits 5 s for the next, or less if set', () => {
  const of = (handshakeTimeoutMs?: number) => timesOf(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs });
  const times = { headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 };
  expect(of()).toEqual({ ...times, connectionsCheckingInterval: 1_000 });
  expect(of(4_000)).toMatchObject({ headersTimeout: 4_000, requestTimeout: 4_000, keepAliveTimeout: 2_000 });
});
