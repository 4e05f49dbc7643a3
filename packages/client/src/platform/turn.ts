/** What a turn tells. */
export interface TurnEvents {
  /** It is this tab's turn: register. */
  readonly granted: () => void;
  /** It is another tab's: whatever is registered here must go. `detail` says why. */
  readonly waiting: (detail: string) => void;
}

/** A place in the queue of tabs that want to register one identity at one relay. */
export interface Turn {
  /** Takes the turn from whoever has it; that tab then waits. */
  takeOver(): void;
  /** Gives the turn to the next, or stops waiting. */
  release(): void;
}

/** Joins the queue of this name. Where nothing can be shared with another tab, the turn is granted at once. */
export type TakeTurn = (name: string, events: TurnEvents) => Turn;

/** For platforms without tabs: in Node, the identity's file is locked instead. */
export const takeFreeTurn: TakeTurn = (_name, events) => {
  events.granted();
  return { takeOver() {}, release() {} };
};
