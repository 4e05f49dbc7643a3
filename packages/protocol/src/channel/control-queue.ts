import type { Acknowledgement } from './acknowledgement.js';
import { CONTROL_TYPE, type ControlType } from './control.js';
import type { Gauge } from './gauge.js';
import type { Probe } from './probe.js';

/** Questions of the peer that wait for their answer; an older one is dropped, since the newest answers say it all. */
const MAX_PENDING_ANSWERS = 4;
/** A RESET may name one of this many of our last CONTROLs. */
const REMEMBERED_CONTROLS = 16;

/** Which CONTROL goes out next: answers first, then questions, then what only acknowledges (PROTOCOL §4, CONTROL). Bounded, however long the transport has no room. */
export class ControlQueue {
  #answers: { readonly type: ControlType; readonly id: number }[] = [];
  #recent: Uint8Array[] = [];
  /** Set to have the peer asked what it lacks and to send what we lack (RESUME). */
  resumeDue = false;

  /** Set to have the peer asked for a sign, so that the gauge learns how far it is. */
  gaugeDue = false;

  /** Queues PONG to a PING, ACK to a RESUME. */
  answer(type: typeof CONTROL_TYPE.pong | typeof CONTROL_TYPE.ack, id: number): void {
    this.#answers.push({ type, id });
    if (this.#answers.length > MAX_PENDING_ANSWERS) this.#answers.shift();
  }

  /** The next one to seal, or `null`. `cursor`: frames sent so far. */
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

  /** The last CONTROLs sealed. */
  get recent(): readonly Uint8Array[] {
    return this.#recent;
  }

  clear(): void {
    this.#answers = [];
    this.#recent = [];
  }
}
