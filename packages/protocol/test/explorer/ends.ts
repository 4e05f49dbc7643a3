import { anySessionOf, type End, hasRekeyed } from './end.js';
import type { Frame, Renaming } from './frames.js';
import type { Machines } from './machines.js';
import { type EndAction, type Side, Violation } from './scenario.js';

/** What an action makes of an end. */
export interface Move {
  /** The number of what it then is. */
  readonly end: number;
  readonly frames: readonly Frame[];
  readonly names: Renaming | null;
  readonly opened: boolean;
  /** Whether it makes no difference. */
  readonly idle: boolean;
}

/** What is known of one state of an end. */
interface Known {
  readonly end: End;
  /** The seq that it takes next, or -1. */
  readonly next: number;
  readonly actions: readonly EndAction[];
  /** DATA that the relay makes up, far ahead. */
  readonly gap: Frame | null;
  /** What a thief forges for it. */
  readonly thefts: readonly Frame[];
  readonly moves: Map<EndAction | Frame, Move>;
  readonly renamed: Map<string, number>;
}

/** The states that one end can be in, each once and with a number: the machines run once for each action in each. */
export class Ends {
  readonly #machines: Machines;
  readonly #side: Side;
  readonly #stalls: boolean;
  readonly #all: Known[] = [];
  readonly #numbers = new Map<number, number>();

  constructor(machines: Machines, side: Side, stalls: boolean) {
    this.#machines = machines;
    this.#side = side;
    this.#stalls = stalls;
  }

  get size(): number {
    return this.#all.length;
  }

  at(number: number): End {
    return this.#known(number).end;
  }

  next(number: number): number {
    return this.#known(number).next;
  }

  actions(number: number): readonly EndAction[] {
    return this.#known(number).actions;
  }

  gap(number: number): Frame | null {
    return this.#known(number).gap;
  }

  /** Frames forged under stolen keys; with none left to forge, those that must do nothing: after a rekey. */
  thefts(number: number, left: number): readonly Frame[] {
    const { end, thefts } = this.#known(number);
    return left > 0 || hasRekeyed(end) ? thefts : [];
  }

  /** The number of `end`, which nobody changes from here. */
  add(end: End): number {
    const print = this.#machines.fingerprint(end);
    const number = this.#numbers.get(print);
    if (number !== undefined) return number;
    const added = this.#all.length;
    this.#numbers.set(print, added);
    this.#all.push({
      end,
      next: anySessionOf(end)?._incoming.next ?? -1,
      actions: this.#machines.actions(end, this.#side),
      gap: this.#machines.forgedGap(end, this.#side),
      thefts: this.#machines.thefts(end, this.#side),
      moves: new Map(),
      renamed: new Map(),
    });
    for (const forged of this.#machines.forgeries(end, this.#side))
      if (!this.move(added, forged).idle) throw new Violation('a forged frame has an effect');
    return added;
  }

  /** What an action, or a frame that arrives, makes of an end. @throws Violation */
  move(number: number, action: EndAction | Frame): Move {
    const { end, moves } = this.#known(number);
    const known = moves.get(action);
    if (known !== undefined) return known;
    const after = this.#machines.copy(end);
    const { frames, names, opened } = this.#machines.act(after, this.#side, action, !this.#stalls);
    const stolen = typeof action === 'object' && action.stolen;
    if (stolen) {
      if (frames.length === 0 && this.#machines.printOfChannel(after) === this.#machines.printOfChannel(end)) {
        const none = { end: number, frames, names: null, opened: false, idle: true };
        moves.set(action, none);
        return none;
      }
      if (hasRekeyed(end)) throw new Violation('what is forged under stolen keys is believed after a rekey');
      after.forgeries++;
    }
    const found = this.add(after);
    const idle = found === number && frames.length === 0 && names === null && !opened;
    const move = { end: found, frames, names, opened, idle };
    moves.set(action, move);
    if (opened && typeof action === 'object' && !stolen) {
      if (action.to !== this.#side) throw new Violation('a CONTROL opens at its sender');
      if (this.#opensAgain(move.end, action)) throw new Violation('a CONTROL opens twice');
    }
    return move;
  }

  /** The end once the other names its questions anew. */
  renamed(number: number, names: Renaming): number {
    const { end, renamed } = this.#known(number);
    const key = names.join();
    const known = renamed.get(key);
    if (known !== undefined) return known;
    const after = this.#machines.copy(end);
    this.#machines.rename(after, names);
    const found = this.add(after);
    renamed.set(key, found);
    return found;
  }

  #opensAgain(number: number, frame: Frame): boolean {
    const again = this.#machines.copy(this.at(number));
    const { frames, opened } = this.#machines.act(again, this.#side, this.#machines.frames.aged(frame), !this.#stalls);
    return opened || frames.length > 0 || this.add(again) !== number;
  }

  #known(number: number): Known {
    const known = this.#all[number];
    if (known === undefined) throw new Error('no such end');
    return known;
  }
}
