/** A task for the end of this turn of the event loop, after all reads of the turn. */
export interface TurnTask {
  endTurn(): void;
}

let tasks: TurnTask[] = [];
let spare: TurnTask[] = [];

function run(): void {
  const due = tasks;
  tasks = spare;
  spare = due;
  for (const task of due) task.endTurn();
  due.length = 0;
}

/** Runs `task.endTurn()` at the end of this turn. One `setImmediate` serves every socket of the process. */
export function atEndOfTurn(task: TurnTask): void {
  if (tasks.length === 0) setImmediate(run);
  tasks.push(task);
}
