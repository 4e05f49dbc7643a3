const waiting: (() => void)[] = [];
let head = 0;

function run(): void {
  const task = waiting[head];
  head++;
  if (head < waiting.length) setImmediate(run);
  else {
    waiting.length = 0;
    head = 0;
  }
  task?.();
}

/**
 * Runs tasks in order, one in each turn of the event loop: a crowd that registers at once costs those who are
 * registered one signature's time per turn, not the crowd's.
 */
export function onePerTurn(task: () => void): void {
  if (waiting.length === 0) setImmediate(run);
  waiting.push(task);
}
