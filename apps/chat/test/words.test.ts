import { FAILURES, failureOfCloseCode } from '@sws/protocol';
import { expect, test, vi } from 'vitest';

vi.stubGlobal('navigator', { languages: ['en-GB'] });
const { connectionWords } = await import('../src/views/words.js');

test('the page says why it does not reconnect', () => {
  // What a relay closes a client with for good, but for leaving and a second device, which have words of their own.
  const ofRelay = Object.values(FAILURES)
    .flatMap(({ closeCode }) => closeCode ?? [])
    .map(failureOfCloseCode);
  const final = ofRelay.filter((code) => !FAILURES[code].retry && code !== 'normal' && code !== 'replaced');
  expect(final.length).toBeGreaterThan(2);
  for (const failure of [...final, 'wrong-server-key'])
    expect(connectionWords({ state: 'down', since: 0, failure }), failure).toMatch(/^Not connected: \w/);
});
