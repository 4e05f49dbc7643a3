// A platform that signs and verifies by promises, as browsers do.
import type { IdentityLike } from '@sws/crypto';
import { naclProvider, verifySignature } from '@sws/crypto';
import type { SignatureTask } from '@sws/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PeerMessageEvent } from '../src/index.js';
import * as web from '../src/platform/web.js';
import { EndpointWorld } from './endpoint-world.js';
import { newIdentity } from './relay.js';
import { pass } from './virtual-network.js';

/** The tasks that the platform was given, and how the test answers them. */
const platform = vi.hoisted(() => ({ tasks: [] as (() => void)[], isSlow: false }));
vi.mock('#platform', async (original) => ({
  ...(await original<object>()),
  asyncSignatures: (identity: IdentityLike, task: SignatureTask) => {
    const result = web.asyncSignatures(identity, task);
    if (!platform.isSlow) return result;
    return new Promise((resolve) => platform.tasks.push(() => resolve(result)));
  },
}));

let world: EndpointWorld;

beforeEach(() => {
  world = new EndpointWorld();
  platform.tasks = [];
  platform.isSlow = false;
});
afterEach(() => world.stop());

/** Web Crypto answers in real time, so virtual time alone does not do. */
const settle = (condition: () => boolean) =>
  vi.waitFor(async () => {
    await pass(100);
    expect(condition()).toBe(true);
  });

test('endpoints register and talk', async () => {
  const [a, b] = [world.endpoint(), world.endpoint()];
  await settle(() => a.state === 'registered' && b.state === 'registered');
  const heard: unknown[] = [];
  b.addEventListener('message', (event: PeerMessageEvent) => heard.push(event.data));
  let isDelivered = false;
  void a.send(b.address ?? '', 'hello').then(() => {
    isDelivered = true;
  });
  await settle(() => isDelivered);
  expect(heard).toEqual(['hello']);
});

test('a signature for a connection that has been lost is not sent on the next one', async () => {
  platform.isSlow = true;
  const a = world.endpoint();
  await settle(() => platform.tasks.length === 1);
  world.network.sockets[0]?.fail();
  await settle(() => platform.tasks.length === 2);
  const [first, second] = platform.tasks;
  first?.();
  await pass(500);
  expect(a.state).not.toBe('registered');
  expect(platform.tasks).toHaveLength(2); // the relay has got no answer that it could confirm
  second?.();
  await settle(() => platform.tasks.length === 3);
  platform.tasks[2]?.();
  await settle(() => a.state === 'registered');
});

test('the platform signs as the identity does, and verifies as the provider does', async () => {
  const identity = newIdentity();
  const exported: Uint8Array[] = [];
  vi.spyOn(identity, 'exportSeed').mockImplementation(() => {
    const seed = new Uint8Array(32).fill(7);
    exported.push(seed);
    return seed;
  });
  const message = new TextEncoder().encode('sws/1 register\0 and the rest');
  const signature = (await web.asyncSignatures(identity, { type: 'sign', message })) as Uint8Array;
  const signingKey = naclProvider.ed25519PublicKey(new Uint8Array(32).fill(7));
  expect(verifySignature(naclProvider, signingKey, message, signature)).toBe(true);
  expect(exported).toEqual([new Uint8Array(32)]); // overwritten
  expect(await web.asyncSignatures(identity, { type: 'verify', signingKey, message, signature })).toBe(true);
  signature[0] = (signature[0] ?? 0) ^ 1;
  expect(await web.asyncSignatures(identity, { type: 'verify', signingKey, message, signature })).toBe(false);
});
