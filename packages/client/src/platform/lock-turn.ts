import { type TakeTurn, takeFreeTurn } from './turn.js';

/**
 * One tab or worker of an origin at a time, by Web Locks (W3C Web Locks API): the lock goes to the next in line when its
 * holder's page goes away, however it does. Taking over is stealing the lock: its holder learns it by an AbortError and
 * queues again. Where there are no Web Locks (plain http, sandboxed frames) the turn is granted at once, and the relay's
 * newest-wins rule decides.
 */
export const takeLockTurn: TakeTurn = (name, events) => {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return takeFreeTurn(name, events);
  let released = false;
  /** Ends the wait in the queue. */
  let waiting: AbortController | null = null;
  /** Set while it is this tab's turn: gives it back. */
  let giveBack: (() => void) | null = null;

  const ask = (options: LockOptions): void => {
    let held = false;
    const hold = (lock: Lock | null): Promise<void> | void => {
      if (lock === null) return queue('another tab of this browser is registered with this identity');
      if (released) return;
      held = true;
      return new Promise((resolve) => {
        giveBack = resolve;
        events.granted();
      });
    };
    locks.request(name, options, hold).catch((error: unknown) => {
      if (released) return;
      if (held) {
        giveBack = null;
        queue('another tab of this browser has taken over');
      } else if (!(error instanceof DOMException && error.name === 'AbortError')) {
        // This page may have no locks: a sandboxed frame. An AbortError is this tab's own, that stopped waiting.
        giveBack = () => {};
        events.granted();
      }
    });
  };

  const queue = (detail: string): void => {
    if (released) return;
    waiting = new AbortController();
    events.waiting(detail);
    ask({ signal: waiting.signal });
  };

  ask({ ifAvailable: true });

  return {
    takeOver() {
      if (giveBack !== null || released) return;
      waiting?.abort();
      ask({ steal: true });
    },
    release() {
      released = true;
      waiting?.abort();
      giveBack?.();
    },
  };
};
