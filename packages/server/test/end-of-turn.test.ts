import { expect, test } from 'vitest';
import { atEndOfTurn } from '../src/end-of-turn.js';
import { onePerTurn } from '../src/one-per-turn.js';

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

test('the tasks of many connections run in order, one in each turn', async () => {
  for (let crowd = 0; crowd < 2; crowd++) {
    const seen: number[] = [];
    for (let task = 0; task < 3; task++) onePerTurn(() => void seen.push(task));
    for (const done of [[], [0], [0, 1], [0, 1, 2]]) {
      expect(seen).toEqual(done);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
});
