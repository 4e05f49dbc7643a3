/** What is explored: the bounds of PROTOCOL's machines and of the relay between them. */
export interface Scenario {
  readonly name: string;
  /** Messages that A and B may send. */
  readonly messages: readonly [number, number];
  /** The initiator rekeys after this many DATA frames, once. */
  readonly rekeyAfterFrames: number;
  /** Times that a connection may be lost, both ends together. */
  readonly cuts: number;
  /** Timers that may come due, both ends together. Where they are unbounded they are not counted. */
  readonly timers: number;
  /** Times that B's process may restart. */
  readonly restarts: number;
  /** Ends that may close. */
  readonly closes: readonly number[];
  /** Whether it begins with the handshake, or behind it. */
  readonly opening: boolean;
  /** Frames that the relay holds. */
  readonly relayQueue: number;
  /** Whether a transport may have no room: frames then leave one by one, whenever. Otherwise at once. */
  readonly stalls: boolean;
  /** Whether DATA may be held back for as long as it likes by what is under way. Otherwise never. */
  readonly holds: boolean;
  /** Whether an application takes a message when it likes. Otherwise at once. */
  readonly slowReaders: boolean;
  /** Frames that the relay forges under keys of epoch 0 that it has stolen, of which an end that has not completed a rekey takes notice. */
  readonly forgeries: number;
  /** Whether the relay makes up DATA that is far ahead. Otherwise frames that it reflects are all that is. */
  readonly forgedGaps: boolean;
}

/** A, which opens the channel, or B. */
export type Side = 0 | 1;
export const SIDES = [0, 1] as const;

export function other(side: Side): Side {
  return side === 0 ? 1 : 0;
}

/** What an end, its application or its connection does without a frame. */
export type EndAction = 'pull' | 'hold' | 'timer' | 'wake' | 'send' | 'read' | 'close' | 'cut' | 'connect' | 'restart';

/** A property that does not hold. */
export class Violation extends Error {}
