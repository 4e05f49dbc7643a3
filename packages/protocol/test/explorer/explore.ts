import { KIND } from '../../src/channel/channel-frame.js';
import type { End } from './end.js';
import { Ends, type Move } from './ends.js';
import { checkFairRun, exchange } from './fair-run.js';
import type { Frame } from './frames.js';
import { Machines, type Sources } from './machines.js';
import { checkSafety } from './properties.js';
import { Rows } from './rows.js';
import { type EndAction, other, type Scenario, SIDES, type Side, Violation } from './scenario.js';

export interface Exploration {
  readonly scenario: string;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** States of A and of B, pairs of them that were met, and frames. */
  readonly ends: readonly [number, number];
  readonly pairs: number;
  readonly frames: number;
  /** Whether every state within the bounds was seen, or the count of states ended it. */
  readonly complete: boolean;
  readonly violation: { readonly message: string; readonly actions: readonly string[] } | null;
}

/**
 * Breadth first: every action in every state, every property after each. A state is what both ends are and what the relay
 * holds. The relay delivers, repeats, reorders and reflects what it holds for as long as it likes; given more than it has
 * room for it loses some, whichever. That it need not lose any before hides nothing: with fewer frames it can do less. What it
 * makes up by itself does nothing (`Ends` checks that), but for DATA far ahead, with `forgedGaps`.
 */
export function explore(
  sources: Sources,
  scenario: Scenario,
  { maxStates, onLayer }: { readonly maxStates: number; readonly onLayer?: (soFar: Exploration) => void },
): Exploration {
  const search = new Search(sources, scenario);
  let [depth, next] = [0, 0];
  const result = (complete: boolean, violation: Exploration['violation'] = null): Exploration => ({
    scenario: scenario.name,
    ...search.counts,
    depth,
    complete,
    violation,
  });
  try {
    search.begin();
    while (next < search.size) {
      for (const layerEnd = search.size; next < layerEnd; next++) {
        if (search.size >= maxStates) return result(false);
        search.expand(next);
      }
      depth++;
      onLayer?.(result(false));
    }
    return result(true);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const last = search.doing;
    return result(false, { message: error.message, actions: [...search.pathTo(next), last] });
  }
}

class Search {
  readonly #scenario: Scenario;
  readonly #machines: Machines;
  readonly #ends: readonly [Ends, Ends];
  /** A, B, and the frames held: CONTROLs in their order, A's first, then the others; each one's number plus one, or 0. */
  readonly #states: Rows;
  readonly #pairs = new Rows(2);
  readonly #pair = new Int32Array(2);
  readonly #row: Int32Array;
  /** The state that is being expanded, and by what. */
  #from = -1;
  #side: Side = 0;
  #action: EndAction | Frame = 'connect';
  #transitions = 0;
  /** Where a path is sought: a state that one action leads to. */
  #sought: Int32Array | null = null;
  #found = '';

  constructor(sources: Sources, scenario: Scenario) {
    this.#scenario = scenario;
    this.#machines = new Machines(sources, scenario);
    this.#ends = [new Ends(this.#machines, 0, scenario.stalls), new Ends(this.#machines, 1, scenario.stalls)];
    this.#states = new Rows(2 + scenario.relayQueue);
    this.#row = new Int32Array(2 + scenario.relayQueue);
  }

  get size(): number {
    return this.#states.size;
  }

  get counts() {
    const [a, b] = this.#ends;
    return {
      states: this.size,
      transitions: this.#transitions,
      ends: [a.size, b.size] as const,
      pairs: this.#pairs.size,
      frames: this.#machines.frames.size,
    };
  }

  /** What is being done, for a person. */
  get doing(): string {
    const action = typeof this.#action === 'string' ? this.#action : this.#machines.frames.describe(this.#action);
    return `${'AB'[this.#side]}: ${action}`;
  }

  /** @throws Violation */
  begin(): void {
    const machines = this.#machines;
    const ends: [End, End] = [machines.newEnd(0), machines.newEnd(1)];
    for (const side of SIDES) machines.act(ends[side], side, 'connect', false);
    machines.open(ends[0]);
    let frames: readonly Frame[] = [];
    if (!this.#scenario.opening) exchange(machines, ends);
    if (this.#scenario.forgeries > 0) machines.steal(ends[0]);
    else if (!this.#scenario.stalls) frames = machines.act(ends[0], 0, 'pull', true).frames;
    this.#reach(this.#ends[0].add(ends[0]), this.#ends[1].add(ends[1]), [...frames]);
  }

  /** Takes every action in the state at `index`. @throws Violation */
  expand(index: number): void {
    this.#from = index;
    const row = this.#states.at(index);
    const held: Frame[] = [];
    for (let i = 2; i < row.length; i++) if (row[i]) held.push(this.#machines.frames.at((row[i] ?? 0) - 1));
    const numbers: readonly [number, number] = [row[0] ?? 0, row[1] ?? 0];
    const [a, b] = [this.#ends[0].at(numbers[0]), this.#ends[1].at(numbers[1])];
    for (const side of SIDES) {
      this.#side = side;
      const ends = this.#ends[side];
      for (const action of ends.actions(numbers[side])) {
        if (action === 'timer' && a.timers + b.timers >= this.#scenario.timers) continue;
        if (action === 'cut' && a.cuts + b.cuts >= this.#scenario.cuts) continue;
        if (action === 'restart' && b.restarts >= this.#scenario.restarts) continue;
        this.#action = action;
        this.#take(numbers, held, ends.move(numbers[side], action), held.length);
      }
      if (!(side === 0 ? a : b).connected) continue;
      for (const [position, frame] of held.entries()) {
        this.#action = frame;
        this.#take(numbers, held, ends.move(numbers[side], frame), position);
      }
      const left = this.#scenario.forgeries - a.forgeries - b.forgeries;
      for (const theft of ends.thefts(numbers[side], left)) {
        this.#action = theft;
        this.#take(numbers, held, ends.move(numbers[side], theft), -1);
      }
      const gap = this.#scenario.forgedGaps ? ends.gap(numbers[side]) : null;
      if (gap === null) continue;
      this.#action = gap;
      this.#take(numbers, held, ends.move(numbers[side], gap), -1);
    }
  }

  /** The actions that led to the state at `index`. */
  pathTo(index: number): string[] {
    const actions: string[] = [];
    for (let at = index; at > 0; at = this.#states.parentOf(at)) {
      this.#sought = this.#states.at(at);
      this.expand(this.#states.parentOf(at));
      actions.unshift(this.#found);
    }
    this.#sought = null;
    return actions;
  }

  /** One end's move, on the frame at `position` of those held if it is one. */
  #take(numbers: readonly [number, number], held: readonly Frame[], move: Move, position: number): void {
    this.#transitions++;
    if (move.idle) return;
    const [side, far] = [this.#side, other(this.#side)];
    const frames: Frame[] = [];
    for (const [index, frame] of held.entries()) {
      const now = move.names === null ? frame : this.#machines.frames.renamed(frame, side, move.names);
      // An end that has opened a CONTROL opens none that is older, nor the same again (`Ends` checks the latter).
      const opened = move.opened && index <= position && frame.kind === KIND.control && frame.to === side;
      frames.push(opened ? this.#machines.frames.aged(now) : now);
    }
    frames.push(...move.frames);
    const there = move.names === null ? numbers[far] : this.#ends[far].renamed(numbers[far], move.names);
    if (side === 0) this.#reach(move.end, there, frames);
    else this.#reach(there, move.end, frames);
  }

  /** A state: or, where the relay is given more than it holds, one for each choice of what it loses. */
  #reach(a: number, b: number, given: readonly Frame[]): void {
    this.#checkPair(a, b);
    const frames = this.#sorted(a, b, given);
    for (const choice of choices(frames.length, this.#scenario.relayQueue)) this.#add(a, b, frames, choice);
  }

  /** `choice`: which frames the relay keeps, as bits. */
  #add(a: number, b: number, frames: readonly Frame[], choice: number): void {
    const row = this.#row.fill(0);
    row[0] = a;
    row[1] = b;
    let at = 2;
    for (let i = 0; i < frames.length; i++) if (choice & (1 << i)) row[at++] = (frames[i]?.number ?? 0) + 1;
    if (this.#sought === null) this.#states.add(row, this.#from);
    else if (this.#sought.every((part, index) => part === row[index])) this.#found = this.doing;
  }

  /** CONTROLs in their order, which says which is newer; of the others one copy each, without those that are spent. */
  #sorted(a: number, b: number, frames: readonly Frame[]): Frame[] {
    const sorted: Frame[] = [];
    for (const side of SIDES) for (const frame of frames) if (isOrdered(frame) && frame.to === side) sorted.push(frame);
    const others: Frame[] = [];
    for (const frame of frames)
      if (!isOrdered(frame) && !others.includes(frame) && !this.#spent(a, b, frame)) others.push(frame);
    if (others.length > 1) others.sort((one, two) => one.number - two.number);
    sorted.push(...others);
    return sorted;
  }

  /** Whether a frame does nothing any more: an old CONTROL, or DATA that both ends are past. A process that restarts is past nothing. */
  #spent(a: number, b: number, frame: Frame): boolean {
    const [endsA, endsB] = this.#ends;
    if (this.#scenario.restarts > 0) return false;
    if (frame.old) return true;
    if (frame.seq < 0 || frame.seq >= endsA.next(a) || frame.seq >= endsB.next(b)) return false;
    return endsA.move(a, frame).idle && endsB.move(b, frame).idle;
  }

  #checkPair(a: number, b: number): void {
    this.#pair[0] = a;
    this.#pair[1] = b;
    if (!this.#pairs.add(this.#pair, 0)) return;
    const ends = [this.#ends[0].at(a), this.#ends[1].at(b)] as const;
    // What was forged before a rekey was believed: only what comes after it is kept from a thief.
    if (this.#scenario.forgeries > 0) return this.#machines.checkTheft(ends);
    checkSafety(ends, this.#scenario, this.#machines.provider);
    checkFairRun(this.#machines, this.#scenario, ends);
  }
}

function isOrdered({ kind, old }: Frame): boolean {
  return kind === KIND.control && !old;
}

const known = new Map<number, readonly number[]>();

/** The choices of at most `most` out of `length` that leave no room, as bits. */
function choices(length: number, most: number): readonly number[] {
  const size = Math.min(length, most);
  const key = length * 32 + size;
  let found = known.get(key);
  if (found === undefined) {
    const bits = (choice: number) => choice.toString(2).replaceAll('0', '').length;
    found = Array.from({ length: 2 ** length }, (_, choice) => choice).filter((choice) => bits(choice) === size);
    known.set(key, found);
  }
  return found;
}
