// The quick part of `malicious-relay.deep.test.ts`, which takes more seeds and counts the attacks.
import { nodeProvider } from '@sws/crypto/node';
import { describe, expect, test } from 'vitest';
import { messagesOf } from './malicious-run.js';
import { toy } from './toy-provider.js';

const RUNS = 100;
/** More of them are in the deep tests. */
const REAL_CRYPTO_RUNS = 5;

describe('with a hostile relay each peer gets a prefix of what was sent, and all of it once the relay behaves', () => {
  test(`${RUNS} seeds`, { timeout: 120_000 }, () => {
    expect(messagesOf(RUNS, toy)).toBeGreaterThan(0);
  });

  test('with real keys and boxes', { timeout: 900_000 }, () => {
    expect(messagesOf(REAL_CRYPTO_RUNS, nodeProvider, { most: REAL_CRYPTO_RUNS })).toBeGreaterThan(0);
  });
});
