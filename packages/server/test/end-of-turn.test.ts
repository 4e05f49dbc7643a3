import { expect, test } from 'vitest';
import { atEndOfTurn } from '../src/end-of-turn.js';

test('tasks run at the end of the turn, in order; tasks added meanwhile run in the next', async () => {
  const seen: string[] = [];
  let turn = 0;
  const again = {
    endTurn() {
      seen.push(`again ${turn}`);
      if (turn < 3 && seen.length < 10) atEndOfTurn(again);
    },
  };
  atEndOfTurn(again);
  atEndOfTurn({ endTurn: () => void seen.push(`once ${turn}`) });
  expect(seen).toEqual([]);
  for (; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(['again 0', 'once 0', 'again 1', 'again 2', 'again 3']);
});
