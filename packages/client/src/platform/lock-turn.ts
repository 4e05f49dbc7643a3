import { type TakeTurn, takeFreeTurn } from './turn.js';

/** How long a takeover waits for the other tab to tell its peers that it goes, before it replaces that registration. */
const LEAVE_MS = 200;

/**
 * Gives the turn to one tab or worker of an origin at a time, by Web Locks (W3C Web Locks API). When the holder's page
 * goes away in any way, the lock goes to the next in the queue. A takeover steals the lock: its holder gets an
 * AbortError and queues again. Without Web Locks (plain http, sandboxed frames) the turn is granted at once, and the
 * relay's rule that the newest registration wins decides.
 */
export const takeLockTurn: TakeTurn = (name, events) => {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return takeFreeTurn(name, events);
  let released = false;
  /** Ends the wait in the queue. */
  let waiting: AbortController | null = null;
  /** Gives back the turn; set while it is this tab's turn. */
  let giveBack: (() => void) | null = null;

  const ask = (options: LockOptions): void => {
    let held = false;
    const hold = (lock: Lock | null): Promise<void> | void => {
      if (lock === null) return queue('another tab of this browser is registered with this identity');
      if (released) return;
      held = true;
      return new Promise((resolve) => {
        giveBack = resolve;
        if (options.steal) setTimeout(() => giveBack === resolve && events.granted(), LEAVE_MS);
        else events.granted();
      });
    };
    locks.request(name, options, hold).catch((error: unknown) => {
      if (released) return;
      if (held) {
        giveBack = null;
        queue('another tab of this browser has taken over');
      } else if (!(error instanceof DOMException && error.name === 'AbortError')) {
        // A page without locks, such as a sandboxed frame. An AbortError means that this tab stopped waiting.
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
      giveBack = null;
    },
  };
};
