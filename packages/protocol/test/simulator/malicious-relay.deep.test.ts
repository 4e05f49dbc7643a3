import { nodeProvider } from '@sws/crypto/node';
import { describe, expect, test } from 'vitest';
import { ATTACKS } from './malicious-relay.js';
import { MaliciousRun, messagesOf } from './malicious-run.js';
import { forEachSeed } from './seeded.js';
import { toy } from './toy-provider.js';

/** With the 100 seeds of `malicious-relay.test.ts`, which come first, 2,000. */
const RUNS = 1_900;
const FROM = 101;
/** Likewise with its 5: 20. */
const REAL_CRYPTO_RUNS = 15;

describe('a hostile relay delivers at most a prefix, once and in order; all of it once it behaves; no phantom, no forged close', () => {
  test('seeded runs', { timeout: 900_000 }, () => {
    const made = new Map<string, number>();
    const sum = { runs: 0, messages: 0, frames: 0, conversations: 0 };
    forEachSeed(
      RUNS,
      (seed) => {
        const { attacks, ...figures } = new MaliciousRun(seed, toy).run();
        for (const [attack, times] of attacks) made.set(attack, (made.get(attack) ?? 0) + times);
        sum.runs++;
        for (const name of ['messages', 'frames', 'conversations'] as const) sum[name] += figures[name];
      },
      { from: FROM },
    );
    if (process.env.SWS_RUNS !== undefined) console.log(JSON.stringify({ ...sum, attacks: Object.fromEntries(made) }));
    // An attack that is never made proves nothing.
    if (sum.runs >= RUNS) expect(ATTACKS.filter((attack) => !made.has(attack))).toEqual([]);
  });

  test('with real keys and boxes', { timeout: 900_000 }, () => {
    const seeds = { most: REAL_CRYPTO_RUNS, from: 6 };
    expect(messagesOf(REAL_CRYPTO_RUNS, nodeProvider, seeds)).toBeGreaterThan(0);
  });
});
