/** Whether a node holds a key's connection. */
export type KeyState = 'absent' | 'held';

/** The events of a key at a node. A claim is greater or lesser than the one that the node holds (`compareClaims`). */
export type KeyEvent =
  | 'attached-greater'
  | 'attached-lesser'
  | 'heard-greater'
  | 'heard-same'
  | 'heard-lesser'
  | 'closed';

/**
 * `hold`: give the key to the new connection; subscribe and claim. `close-held`: close the held connection with 4409.
 * `refuse-new`: close the new connection with 4409. `announce`: repeat the held claim. `leave`: unsubscribe.
 * `tell-gone`: report that the key is connected nowhere.
 */
export type KeyAction = 'hold' | 'close-held' | 'refuse-new' | 'announce' | 'leave' | 'tell-gone';

export interface KeyStep {
  readonly next: KeyState;
  readonly actions: readonly KeyAction[];
}

const nothing: KeyStep = { next: 'absent', actions: [] };

/** The table of newest wins: what a node does with a key (PROTOCOL §2, Same key twice). */
export const NEWEST_WINS: { readonly [State in KeyState]: { readonly [Event in KeyEvent]: KeyStep } } = {
  absent: {
    'attached-greater': { next: 'held', actions: ['hold'] },
    'attached-lesser': { next: 'held', actions: ['hold'] },
    'heard-greater': nothing,
    'heard-same': nothing,
    'heard-lesser': nothing,
    closed: nothing,
  },
  held: {
    'attached-greater': { next: 'held', actions: ['close-held', 'hold'] },
    // Two were admitted at once, and the one with the older term attached last. The term decides, not the order.
    'attached-lesser': { next: 'held', actions: ['refuse-new'] },
    'heard-greater': { next: 'absent', actions: ['leave', 'close-held'] },
    'heard-same': { next: 'held', actions: [] },
    'heard-lesser': { next: 'held', actions: ['announce'] },
    closed: { next: 'absent', actions: ['leave', 'tell-gone'] },
  },
};
