import { backplaneTests } from '@sws/router/testing';
import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type NatsBackplane, natsBackplane } from '../src/index.js';

describe.skipIf(!hasNatsServer)('over NATS (skipped where nats-server is not installed)', () => {
  let server: NatsServer;
  let count = 0;
  const ends: NatsBackplane[] = [];
  const open = async (prefix: string): Promise<NatsBackplane> => {
    const end = await natsBackplane({ connection: { servers: server.url }, prefix });
    ends.push(end);
    return end;
  };
  beforeAll(async () => {
    server = await NatsServer.start();
  });
  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end.close()));
  });
  afterAll(() => server.stop());

  test.each(backplaneTests)('NATS backplane: $name', async ({ run }) => {
    const prefix = `sws-${++count}`;
    await run(() => open(prefix));
  });

  test('relays with different prefixes do not hear each other', async () => {
    const [a, b] = [await open('one'), await open('two')];
    const heard: string[] = [];
    const node = (nodeId: string) => ({
      nodeId,
      claimed: () => void heard.push('claim'),
      message: () => {
        heard.push('message');
        return null;
      },
      gone: () => void heard.push('gone'),
      undeliverable: (_to: string, _from: string, _head: Uint8Array, code: string) => void heard.push(code),
    });
    const [left, right] = [a.join(node('a')), b.join(node('b'))];
    const key = 'ab'.repeat(32);
    right.claim({ key, term: 1, nodeId: 'b', connectionId: 1 });
    left.claim({ key, term: 2, nodeId: 'a', connectionId: 1 });
    left.gone(key, 1);
    expect(await left.highestTerm(key)).toBe(0);
    left.publish(key, key, new Uint8Array(40));
    await expect.poll(() => heard).toEqual(['offline']);
  });

  test('an invalid prefix or nodeId, and a second node on one connection, are refused', async () => {
    const end = await open('sws');
    const node = (nodeId: string) => ({
      nodeId,
      claimed: () => {},
      message: () => null,
      gone: () => {},
      undeliverable: () => {},
    });
    expect(() => end.join(node('a.b'))).toThrow(/nodeId/);
    expect(() => end.join(node('>'))).toThrow(/nodeId/);
    await expect(natsBackplane({ connection: { servers: server.url }, prefix: 'a b' })).rejects.toThrow(/prefix/);
    end.join(node('a'));
    expect(() => end.join(node('b'))).toThrow(/already has a router/);
  });

  test('an unreachable NATS fails at once', async () => {
    const gone = await NatsServer.start();
    await gone.stop();
    await expect(natsBackplane({ connection: { servers: gone.url } })).rejects.toThrow(/refused/);
  });
});
