import { Identity, randomBytes } from '@sws/client';
import { expect, test } from 'vitest';
import { isMoveTo, signMove } from '../src/move.js';

test('only the old key can announce a new address, and only the signed one', () => {
  const [bob, next, mallory] = [0, 1, 2].map(() => Identity.generate(randomBytes));
  if (bob === undefined || next === undefined || mallory === undefined) throw new Error('three were made');
  const move = signMove(bob, next.publicKey);
  expect(isMoveTo(move, next.publicKey)).toBe(true);
  // Shown by somebody else, it announces nothing.
  expect(isMoveTo(move, mallory.publicKey)).toBe(false);
  // Signed by somebody else for Bob's address.
  const forged = signMove(mallory, mallory.publicKey);
  expect(isMoveTo({ ...forged, from: bob.publicKey }, mallory.publicKey)).toBe(false);
  expect(isMoveTo({ ...forged, from: bob.publicKey, signingKey: bob.signingKey }, mallory.publicKey)).toBe(false);
  for (const field of ['from', 'signingKey', 'signature'] as const)
    expect(isMoveTo({ ...move, [field]: 'zz' }, next.publicKey)).toBe(false);
});
