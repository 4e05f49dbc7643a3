// A client whose shell signs and verifies while the machine waits.
import { verifySignature } from '@sws/crypto';
import { expect, test } from 'vitest';
import type { SignatureTask } from '../../src/index.js';
import { Dialled, failedWith, KEY, NOW, provider } from './dialled.js';

/** A client that waits for one of the shell's results. */
function waiting(until: SignatureTask['type']): { dialled: Dialled; task: SignatureTask } {
  const dialled = new Dialled(true);
  const next = (): SignatureTask => {
    const [task, ...rest] = dialled.events();
    if (task?.type !== 'sign' && task?.type !== 'verify') throw new Error(`no task, but ${task?.type}`);
    expect(rest).toEqual([]);
    return task;
  };
  dialled.pass();
  let task = next();
  if (until === 'verify') {
    dialled.connection.handleSignature(dialled.identity.signLabelled('register', task.message), NOW);
    dialled.respond();
    task = next();
  }
  expect([task.type, dialled.connection.registered]).toEqual([until, false]);
  return { dialled, task };
}

test('the relay gets no answer before the shell has signed', () => {
  const { dialled } = waiting('sign');
  expect(dialled.connection.pollFrame(NOW)).toBeNull();
});

test('a success before the shell has signed fails the connection with bad-frame', () => {
  const { dialled } = waiting('sign');
  const limits = { maxMessage: 65_536, messagesPerSecond: 1, bytesPerSecond: 1 };
  const { publicKey } = dialled.identity;
  dialled.tell({ type: 'REGISTER_SUCCESS', publicKey, signature: KEY, term: 1, keepalive: 60, limits });
  expect(dialled.events()).toContainEqual(failedWith('bad-frame'));
});

test('frames that come while the shell verifies are handled in order once the relay is verified', () => {
  const { dialled, task } = waiting('verify');
  if (task.type !== 'verify') throw new Error('not to verify');
  dialled.tell({ type: 'PING', id: 7 });
  dialled.tell({ type: 'PING', id: 8 });
  dialled.connection.handleFrame(new Uint8Array(40), NOW);
  expect([dialled.events(), dialled.connection.pollFrame(NOW)]).toEqual([[], null]);
  dialled.connection.handleSignature(verifySignature(provider, task.signingKey, task.message, task.signature), NOW);
  expect(dialled.connection.registered).toBe(true);
  expect(dialled.events()).toEqual([{ type: 'state', state: { name: 'registered' } }]);
  expect(dialled.connection.pollFrame(NOW)).toBe('{"type":"PONG","id":8}');
});

test('a relay whose signature is not valid is left, and its later frames with it', () => {
  const { dialled } = waiting('verify');
  dialled.tell({ type: 'PING', id: 7 });
  dialled.connection.handleSignature(false, NOW);
  expect(dialled.events()).toContainEqual(failedWith('wrong-server-key'));
  expect([dialled.connection.registered, dialled.connection.pollFrame(NOW)]).toEqual([false, null]);
});

test.each([
  ['large', 4, new Uint8Array(1_048_576 - 96)],
  ['empty', 43_690, ''],
])('at most 4 MiB of %s frames wait for the shell, each with 96 bytes more; then it dials again', (_, most, frame) => {
  const { dialled } = waiting('verify');
  for (let i = 0; i < most; i++) dialled.connection.handleFrame(frame, NOW);
  expect(dialled.events()).toEqual([]);
  dialled.connection.handleFrame(frame, NOW);
  expect(dialled.events()).toContainEqual(failedWith('connection-lost'));
  dialled.connection.handleTimeout(dialled.connection.nextWakeAtMs);
  expect(dialled.events()).toContainEqual({ type: 'dial' });
});

test.each(['sign', 'verify'] as const)('a result of `%s` after the end of the connection is ignored', (what) => {
  const { dialled } = waiting(what);
  dialled.connection.handleClosed(1006, NOW);
  dialled.events();
  for (const result of [true, false, new Uint8Array(64)]) dialled.connection.handleSignature(result, NOW);
  expect([dialled.events(), dialled.connection.pollFrame(NOW)]).toEqual([[], null]);
});
