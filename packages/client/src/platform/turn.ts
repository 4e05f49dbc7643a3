/** The callbacks of a turn. */
export interface TurnEvents {
  /** It is this tab's turn, and it may register. */
  readonly granted: () => void;
  /** It is another tab's turn, and this tab must end its registration. `detail` says why. */
  readonly waiting: (detail: string) => void;
}

/** A place in the queue of tabs that want to register one identity at one relay. */
export interface Turn {
  /** Takes the turn from the tab that has it. That tab then waits. */
  takeOver(): void;
  /** Gives the turn to the next, or stops waiting. */
  release(): void;
}

/** Joins the queue of this name. If tabs cannot share anything, the turn is granted at once. */
export type TakeTurn = (name: string, events: TurnEvents) => Turn;

/** The turn on platforms without tabs. In Node, the identity's file is locked instead. */
export const takeFreeTurn: TakeTurn = (_name, events) => {
  events.granted();
  return { takeOver() {}, release() {} };
};
