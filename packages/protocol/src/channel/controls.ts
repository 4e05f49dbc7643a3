import type { RandomBytes } from '@sws/crypto';
import { type Failure, fail } from '../result.js';
import { Acknowledgement } from './acknowledgement.js';
import type { ChannelKeys } from './channel-keys.js';
import type { ChannelInput } from './channel-phase.js';
import { CONTROL_TYPE, type Control, type ControlType, decodeControl, encodeControl } from './control.js';
import { ControlQueue } from './control-queue.js';
import type { Gauge } from './gauge.js';
import type { Incoming } from './incoming.js';
import type { ChannelAccount } from './memory-budget.js';
import type { Outgoing } from './outgoing.js';
import { Probe } from './probe.js';
import { Recovery } from './recovery.js';
import { type FrameName, isNamed } from './reset.js';

const NEVER = Number.POSITIVE_INFINITY;

/** The result of a CONTROL that opened. */
export interface ControlNews {
  /** Why its content is impossible, or `null`. */
  readonly failure: Failure | null;
  /** Whether the peer acknowledged something new. */
  readonly isProgress: boolean;
  /** Whether it is the sign of life that `ping` asked for. */
  readonly isPong: boolean;
}

/**
 * The CONTROLs of a channel that has keys (PROTOCOL §4, CONTROL and Resume). It sends questions, answers and
 * acknowledgements, takes the peer's, and decides when frames that the peer lacks are sent again.
 */
export class Controls {
  readonly probe: Probe;
  readonly recovery = new Recovery();
  readonly acknowledgement: Acknowledgement;
  readonly #keys: ChannelKeys;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #account: ChannelAccount;
  readonly #gauge: Gauge;
  readonly #random: RandomBytes;
  readonly #queue = new ControlQueue();
  /** Whether `ping` waits for a sign of life. */
  #pinged = false;

  constructor(
    keys: ChannelKeys,
    outgoing: Outgoing,
    incoming: Incoming,
    gauge: Gauge,
    account: ChannelAccount,
    random: RandomBytes,
  ) {
    this.#keys = keys;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#account = account;
    this.#gauge = gauge;
    this.#random = random;
    this.probe = new Probe(random);
    this.acknowledgement = new Acknowledgement(account.windowBytes);
  }

  /**
   * Handles an input of the channel: asks, or sends again. `isOpen`: the channel is neither half-open nor a tombstone.
   */
  handle(input: ChannelInput, isOpen: boolean, nowMs: number): void {
    switch (input.type) {
      case 'ping':
        if (!isOpen) break;
        this.#pinged = true;
        this.probe.askSoon(nowMs);
        break;
      case 'undeliverable':
        if (input.code !== 'congested') this.probe.askSoon(nowMs);
        else if (input.seq !== null && this.#outgoing.retainedMessage(input.seq) !== null)
          this.recovery.congested(input.seq, this.#outgoing, this.#random, nowMs);
        break;
      case 'peer-gone':
        if (isOpen) this.probe.askSoon(nowMs);
        break;
      case 'connected':
        if (isOpen && this.probe.separated) this.#queue.resumeDue = true;
        this.probe.reconnected(nowMs);
        this.#gauge.reset();
        break;
      case 'disconnected':
        // Frames in flight to the relay may be lost. The peer's answer to RESUME tells from where to resend.
        this.probe.lost(nowMs);
        break;
    }
  }

  /** A DATA plaintext of this length was taken. */
  took(bytes: number, nowMs: number): void {
    this.acknowledgement.took(bytes, nowMs);
    if (this.#gauge.took(bytes, nowMs)) this.#queue.gaugeDue = true;
  }

  /** DATA `seq` arrived before the expected one. Sends RESUME, unless one was sent a short while ago. */
  sawGap(seq: number, nowMs: number): void {
    if (this.recovery.sawGap(seq, this.probe.rttMs, nowMs)) this.#queue.resumeDue = true;
  }

  /** The credit that this end grants may have grown. */
  granted(nowMs: number): void {
    this.#incoming.widen(this.#gauge.takenSoFar(nowMs));
    this.acknowledgement.windowIs(this.#account.windowBytes, this.#account.channels);
    this.acknowledgement.granted(this.#incoming.limit, nowMs);
  }

  /** The due CONTROL, sealed; `null` if none is due. A `tombstone` asks only what it needs to know. */
  pollFrame(tombstone: boolean, nowMs: number): Uint8Array | null {
    this.probe.plan(this.#outgoing.hasUnacked, tombstone, nowMs);
    if (tombstone) this.#queue.gaugeDue = false;
    const control = this.#queue.next(this.probe, this.#gauge, this.acknowledgement, this.#outgoing.cursor, nowMs);
    return control === null ? null : this.#seal(control.type, control.id);
  }

  /** The ACK to send before the next DATA, or `null`. */
  pollAhead(nowMs: number): Uint8Array | null {
    const { acknowledgement } = this;
    const outgoing = this.#outgoing;
    // Acknowledge data before a close, so that the peer's bufferedAmount is correct when it gets the close.
    if (acknowledgement.dueAt !== NEVER && outgoing.closeIsNext) return this.#seal(CONTROL_TYPE.ack, 0);
    if (!acknowledgement.mayGoBeforeData(nowMs) || !outgoing.messageIsNext || !outgoing.canSend(this.#keys, nowMs))
      return null;
    acknowledgement.noteAckBeforeData();
    return this.#seal(CONTROL_TYPE.ack, 0);
  }

  /** A last question of a channel that ends now. */
  farewell(nowMs: number): Uint8Array {
    return this.#seal(CONTROL_TYPE.ping, this.probe.ask(true, this.#outgoing.cursor, nowMs));
  }

  /** Takes the plaintext of a CONTROL that opened. */
  accept(plaintext: Uint8Array, nowMs: number): ControlNews {
    const before = this.#outgoing.acked;
    const control = decodeControl(plaintext);
    const wrong = control === null ? 'a malformed CONTROL' : this.#learn(control, nowMs);
    if (control === null || wrong !== null)
      return { failure: fail('protocol-error', wrong ?? '').failure, isProgress: false, isPong: false };
    const isProgress = this.#outgoing.acked > before;
    if (isProgress) {
      this.probe.progress(nowMs);
      this.recovery.progress();
    }
    // A question counts as a sign of life like an answer. After a separation there may be no answer.
    const isPong = this.#pinged && control.id !== 0;
    if (isPong) this.#pinged = false;
    this.#answer(control, nowMs);
    return { failure: null, isProgress, isPong };
  }

  /** When the next CONTROL or resend pass is due, after `nowMs`. */
  wakeAfter(tombstone: boolean, nowMs: number): number {
    this.probe.plan(this.#outgoing.hasUnacked, tombstone, nowMs);
    const { acknowledgement, recovery, probe } = this;
    const { waitsForRoom, flight } = this.#outgoing;
    const after = (due: number): number => (due > nowMs ? due : NEVER);
    return Math.min(
      after(acknowledgement.dueAt),
      after(recovery.passAt),
      after(recovery.heldUntil),
      after(probe.nextAt),
      waitsForRoom ? after(flight.pacedUntilMs) : NEVER,
    );
  }

  /** Whether `name` names one of the last sealed CONTROLs. */
  provoked(name: FrameName): boolean {
    return this.#queue.recent.some((message) => isNamed(message, name));
  }

  clear(): void {
    this.#queue.clear();
  }

  /** Takes a CONTROL's acknowledgement and credit. Returns why they are impossible, or `null`. */
  #learn(control: Control, nowMs: number): string | null {
    if (control.type === CONTROL_TYPE.resume && control.next < this.#outgoing.acked)
      return 'RESUME below what was acknowledged';
    if (!this.#outgoing.acknowledge(control.next, nowMs)) return 'an acknowledgement of what was not sent';
    this.#outgoing.grant(control.limit);
    return null;
  }

  /** Answers a question, or takes an answer. */
  #answer(control: Control, nowMs: number): void {
    switch (control.type) {
      case CONTROL_TYPE.ping:
        this.#queue.answer(CONTROL_TYPE.pong, control.id);
        break;
      case CONTROL_TYPE.resume:
        this.#queue.answer(CONTROL_TYPE.ack, control.id);
        if (control.next < this.#outgoing.cursor) this.recovery.passSoon(this.probe.rttMs, nowMs);
        break;
      default: {
        const question = control.id === 0 ? null : this.probe.answer(control.id, nowMs);
        if (question === null) break;
        this.#outgoing.flight.measured(nowMs - question.sentAt, nowMs);
        this.#fit(question.id, nowMs);
        // Frames sent before the question have not arrived: they were lost (tail loss).
        if (control.next < question.cursor && control.next === this.#outgoing.acked)
          this.recovery.passSoon(this.probe.rttMs, nowMs);
      }
    }
  }

  /** A question was answered. If it is the gauge's, the window is adapted to the path. */
  #fit(id: number, nowMs: number): void {
    const perRoundTripBytes = this.#gauge.answered(id, nowMs);
    if (perRoundTripBytes === null) return;
    this.#incoming.fit(perRoundTripBytes);
    this.granted(nowMs);
  }

  #seal(type: ControlType, id: number): Uint8Array {
    const { next, limit } = this.#incoming;
    const message = this.#keys.sealControl(encodeControl({ type, next, limit, id }));
    this.acknowledgement.ackSent(limit);
    this.#queue.sealed(message);
    return message;
  }
}
