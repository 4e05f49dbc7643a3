import type { Acknowledgement } from './acknowledgement.js';
import { CONTROL_TYPE, type ControlType } from './control.js';
import type { Gauge } from './gauge.js';
import type { Probe } from './probe.js';

/**
 * The most questions of the peer that wait for an answer. Older ones are dropped, because the newest answers suffice.
 */
const MAX_PENDING_ANSWERS = 4;
/** How many of our last CONTROLs a RESET may name. */
const REMEMBERED_CONTROLS = 16;

/**
 * Decides which CONTROL is sent next: answers, then questions, then mere acknowledgements (PROTOCOL §4, CONTROL). It is
 * bounded, however long the transport is full.
 */
export class ControlQueue {
  #answers: { readonly type: ControlType; readonly id: number }[] = [];
  #recent: Uint8Array[] = [];
  /** Set to send RESUME, which asks what the peer lacks and tells what we lack. */
  resumeDue = false;

  /** Set to send a PING for the gauge, which measures the round trip. */
  gaugeDue = false;

  /** Queues a PONG for a PING, or an ACK for a RESUME. */
  answer(type: typeof CONTROL_TYPE.pong | typeof CONTROL_TYPE.ack, id: number): void {
    this.#answers.push({ type, id });
    if (this.#answers.length > MAX_PENDING_ANSWERS) this.#answers.shift();
  }

  /** The next CONTROL to seal, or `null`. `cursor` is the number of frames sent so far. */
  next(
    probe: Probe,
    gauge: Gauge,
    acknowledgement: Acknowledgement,
    cursor: number,
    nowMs: number,
  ): { readonly type: ControlType; readonly id: number } | null {
    const answer = this.#answers.shift();
    if (answer !== undefined) return answer;
    if (this.resumeDue) {
      this.resumeDue = false;
      return { type: CONTROL_TYPE.resume, id: probe.ask(false, cursor, nowMs) };
    }
    const isPingDue = probe.due(nowMs);
    if (isPingDue || this.gaugeDue) {
      const id = probe.ask(isPingDue, cursor, nowMs);
      if (this.gaugeDue) gauge.asked(id, nowMs);
      this.gaugeDue = false;
      return { type: CONTROL_TYPE.ping, id };
    }
    return nowMs >= acknowledgement.dueAt ? { type: CONTROL_TYPE.ack, id: 0 } : null;
  }

  /** Remembers a sealed CONTROL. */
  sealed(message: Uint8Array): void {
    this.#recent.push(message);
    if (this.#recent.length > REMEMBERED_CONTROLS) this.#recent.shift();
  }

  /** The last sealed CONTROLs. */
  get recent(): readonly Uint8Array[] {
    return this.#recent;
  }

  clear(): void {
    this.#answers = [];
    this.#recent = [];
  }
}
