import { type End, summary } from './end.js';
import type { Frame } from './frames.js';
import type { Machines } from './machines.js';
import { checkSafety, isSettled } from './properties.js';
import { type EndAction, other, type Scenario, SIDES, type Side, Violation } from './scenario.js';

/** Frames that both ends may exchange without a timer or new data; more is a cycle. */
const MAX_EXCHANGE = 60;
/** Timers that a fair relay's run may need. */
const MAX_TIMERS = 40;

/** Two ends with a relay that delivers all it is given, in order. It changes the ends. */
class FairRun {
  readonly #machines: Machines;
  readonly #ends: [End, End];
  readonly #queue: Frame[] = [];

  constructor(machines: Machines, ends: [End, End]) {
    this.#machines = machines;
    this.#ends = ends;
  }

  act(side: Side, action: EndAction | Frame): void {
    const { frames, names } = this.#machines.act(this.#ends[side], side, action, true);
    if (names !== null) {
      this.#machines.rename(this.#ends[other(side)], names);
      for (const [index, frame] of this.#queue.entries())
        this.#queue[index] = this.#machines.frames.renamed(frame, side, names);
    }
    this.#queue.push(...frames);
  }

  /** Until nothing moves; time stands still. @throws Violation if that does not end */
  exchange(): void {
    for (const side of SIDES) this.act(side, 'pull');
    for (let frames = 0; ; frames++) {
      for (const side of SIDES) while (this.#ends[side].unread > 0) this.act(side, 'read');
      const frame = this.#queue.shift();
      if (frame === undefined) return;
      if (frames > MAX_EXCHANGE) throw new Violation('frames answer frames without end');
      this.act(frame.to, frame);
    }
  }

  /** What is due first comes about, at both ends at once. */
  passTime(): void {
    const waits = this.#ends.map((end) => (this.#machines.nextTimer(end) ?? Number.POSITIVE_INFINITY) - end.now);
    const wait = Math.min(...waits);
    if (!Number.isFinite(wait)) throw new Violation('nothing is due, and not all has arrived');
    for (const side of SIDES) {
      this.#ends[side].now += wait;
      this.act(side, 'wake');
    }
  }
}

/** Has the relay deliver all there is. @throws Violation */
export function exchange(machines: Machines, ends: [End, End]): void {
  new FairRun(machines, ends).exchange();
}

/**
 * A relay that lost all it held and then behaves leads to full delivery, or to the close of both ends. What else it may
 * have delivered first led to a state that this holds from as well. @throws Violation
 */
export function checkFairRun(machines: Machines, scenario: Scenario, from: readonly [End, End]): void {
  const ends: [End, End] = [machines.copy(from[0]), machines.copy(from[1])];
  const run = new FairRun(machines, ends);
  for (const side of SIDES) if (!ends[side].connected) run.act(side, 'connect');
  for (let timers = 0; ; timers++) {
    run.exchange();
    checkSafety(ends, scenario, machines.provider);
    if (isSettled(ends)) return;
    if (timers === MAX_TIMERS)
      throw new Violation(`a fair relay does not lead to delivery: ${JSON.stringify(ends.map(summary))}`);
    run.passTime();
  }
}
