import { freePort } from '@sws/testing/free-port';
import { expect, test, vi } from 'vitest';

test('a port that a test has chosen is not chosen again before anyone listens on it', async () => {
  const random = vi.spyOn(Math, 'random');
  try {
    random.mockReturnValueOnce(0.5);
    const first = await freePort();
    random.mockClear();
    random.mockReturnValueOnce(0.5);
    expect(await freePort()).not.toBe(first);
    expect(random.mock.calls.length).toBeGreaterThan(1);
  } finally {
    random.mockRestore();
  }
});
