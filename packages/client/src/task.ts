import { Deque } from '@sws/protocol/internal';

type Queue = (task: () => void) => void;

/** Queues tasks by `MessageChannel`, which background tabs do not throttle, unlike `setTimeout`. */
function messageTasks(): Queue {
  const tasks = new Deque<() => void>();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => tasks.shift()?.();
  return (task) => {
    tasks.push(task);
    port2.postMessage(null);
  };
}

let queue: Queue | null = null;

/** Queues a task (HTML, event loops): `task` runs after the present one and all its microtasks, tasks in order. */
export function queueTask(task: () => void): void {
  queue ??= typeof setImmediate === 'function' ? (next) => void setImmediate(next) : messageTasks();
  queue(task);
}

let eventFired = false;

/**
 * Notes that the present turn has fired its event. Each event is a task (WHATWG WebSockets, feedback from the
 * protocol): the microtasks that it queues run before the next event. A transport such as `ws` may deliver several
 * messages in one turn. Those after the first wait for their own task.
 */
export function markEventFired(): void {
  if (eventFired) return;
  eventFired = true;
  queueMicrotask(() => {
    eventFired = false;
  });
}

/** Whether an event has been fired in the present turn. */
export function hasEventFired(): boolean {
  return eventFired;
}
