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
 * Runs tasks in order, one per turn of the event loop. If many clients register at once, registered clients then wait
 * for one signature per turn, not for all of them.
 */
export function onePerTurn(task: () => void): void {
  if (waiting.length === 0) setImmediate(run);
  waiting.push(task);
}
