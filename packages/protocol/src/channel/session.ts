import { equalBytes } from '@sws/crypto';
import { FAILURES } from '../failures.js';
import type { Failure } from '../result.js';
import { Acknowledgement } from './acknowledgement.js';
import { abnormalEnd, type ChannelEnd, type ChannelEvent } from './channel-event.js';
import { type ChannelFrame, contentOf } from './channel-frame.js';
import type { ChannelKeys, Role } from './channel-keys.js';
import type { ChannelContext } from './channel-settings.js';
import { type CloseStatus, encodeClose } from './close-status.js';
import { CONTROL_TYPE, type Control, type ControlType, decodeControl, encodeControl } from './control.js';
import { ControlQueue } from './control-queue.js';
import { OPCODE } from './data.js';
import { Incoming, type Taken } from './incoming.js';
import type { Outgoing } from './outgoing.js';
import { Probe } from './probe.js';
import { Recovery } from './recovery.js';
import { Rekey } from './rekey.js';
import { echoOf } from './reset.js';

const NEVER = Number.POSITIVE_INFINITY;
const NOTHING: readonly ChannelEvent[] = [];
/** A responder keeps an unconfirmed channel at most this long. */
export const HALF_OPEN_TIMEOUT_MS = 60_000;

/** The phases of a channel that has keys; each holds only what it has (PROTOCOL §4, Channel states). */
type State =
  | {
      readonly phase: 'half-open';
      readonly open: Uint8Array;
      readonly accept: Uint8Array;
      readonly deadline: number;
      acceptDue: boolean;
    }
  /** `closeDeadline`: until when the answer to this end's close may come; `null` before it has closed. */
  | { readonly phase: 'open'; closeDeadline: number | null }
  | { readonly phase: 'tombstone'; readonly until: number }
  | { readonly phase: 'gone' };

/**
 * A channel that has keys, from ACCEPT to the end of its tombstone: order, acknowledgement, credit, resume, rekey and
 * close (PROTOCOL §4). `nextFrame` gives what is to be sent: nothing piles up while the transport has no room.
 */
export class Session {
  readonly #context: ChannelContext;
  readonly #keys: ChannelKeys;
  #events: ChannelEvent[] = [];
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #probe: Probe;
  readonly #rekey: Rekey;
  readonly #recovery = new Recovery();
  readonly #acknowledgement: Acknowledgement;
  #state: State;
  readonly #controls = new ControlQueue();
  #interrupted = false;
  #pinged = false;

  private constructor(context: ChannelContext, role: Role, keys: ChannelKeys, outgoing: Outgoing, state: State) {
    const { windowBytes, maxMessageBytes, rekeyAfterFrames } = context.settings;
    this.#context = context;
    this.#keys = keys;
    this.#state = state;
    this.#outgoing = outgoing;
    this.#incoming = new Incoming(windowBytes, maxMessageBytes);
    this.#acknowledgement = new Acknowledgement(windowBytes);
    this.#probe = new Probe(context.random);
    this.#rekey = new Rekey(keys, role, context.random, rekeyAfterFrames);
  }

  /** The initiator's, on ACCEPT: it PINGs until a CONTROL opens. `outgoing` has the peer's first credit. */
  static initiated(context: ChannelContext, keys: ChannelKeys, outgoing: Outgoing, nowMs: number): Session {
    const session = new Session(context, 'initiator', keys, outgoing, { phase: 'open', closeDeadline: null });
    session.#emit({ type: 'open' });
    session.#probe.soon(nowMs);
    return session;
  }

  /** The responder's: ACCEPT goes out, and again for every identical OPEN, until the peer confirms. Keeps `open` and `accept`. */
  static responded(
    context: ChannelContext,
    keys: ChannelKeys,
    outgoing: Outgoing,
    frames: { readonly open: Uint8Array; readonly accept: Uint8Array },
    nowMs: number,
  ): Session {
    const deadline = nowMs + HALF_OPEN_TIMEOUT_MS;
    const state: State = { phase: 'half-open', ...frames, deadline, acceptDue: true };
    return new Session(context, 'responder', keys, outgoing, state);
  }

  /** What to tell the application since the last call. */
  take(): readonly ChannelEvent[] {
    if (this.#events.length === 0) return NOTHING;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  get phase(): State['phase'] {
    return this.#state.phase;
  }
  get confirmed(): boolean {
    return this.#state.phase === 'open' && this.#probe.confirmed;
  }
  get unansweredSinceMs(): number | null {
    return this.#probe.askedSince;
  }
  /** Whether messages may still be queued: this end has not closed. */
  get writable(): boolean {
    return this.#state.phase === 'open' && this.#state.closeDeadline === null;
  }

  /** Closes behind all queued messages. */
  close(status: CloseStatus, nowMs: number): void {
    const state = this.#state;
    if (state.phase !== 'open' || !this.writable) return;
    state.closeDeadline = nowMs + this.#context.settings.resumeTimeoutMs;
    this.#outgoing.enqueueClose(encodeClose(status));
  }

  /** Asks the peer's process for a sign of life; `pong` tells that it came, after a separation if there is one. */
  ping(nowMs: number): void {
    if (this.#state.phase !== 'open') return;
    this.#pinged = true;
    this.#probe.soon(nowMs);
  }

  /** A last question of a channel that is given up now: the answer finds nobody and earns the peer a RESET. `null` if it never opened. */
  lastWord(nowMs: number): Uint8Array | null {
    if (this.#state.phase !== 'open') return null;
    return this.#sealControl(CONTROL_TYPE.ping, this.#probe.ask(true, this.#outgoing.cursor, nowMs));
  }

  /** The application has taken the oldest message emitted. */
  delivered(nowMs: number): void {
    this.#incoming.delivered();
    this.#acknowledgement.granted(this.#incoming.limit, nowMs);
  }

  /** The next frame to send, a whole binary MESSAGE that must not be changed; `null` if nothing may go now. */
  nextFrame(nowMs: number): Uint8Array | null {
    const state = this.#state;
    if (state.phase === 'half-open') {
      if (!state.acceptDue) return null;
      state.acceptDue = false;
      return state.accept;
    }
    if (state.phase === 'gone') return null;
    return this.#nextControl(nowMs) ?? this.#nextData(nowMs);
  }

  /** A frame of this channel, not RESET. False for a DATA or CONTROL that did not open. */
  receive(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean {
    const state = this.#state;
    if (state.phase === 'gone') return true;
    if (frame.kind === 1) {
      // Any other OPEN for a live id is dropped.
      if (state.phase === 'half-open' && equalBytes(content, state.open)) state.acceptDue = true;
      return true;
    }
    if (frame.kind === 3) return this.#receiveData(frame.seq, frame.box, nowMs);
    return frame.kind === 4 ? this.#receiveControl(frame.epoch, frame.counter, frame.box, nowMs) : true;
  }

  /** The relay had no room for DATA `seq`, or (`null`) a frame of ours found nobody: hints, on which it waits or probes. */
  receiveUndeliverable(congestedSeq: number | null, nowMs: number): void {
    if (congestedSeq === null) this.#probe.soon(nowMs);
    else if (this.#outgoing.retainedMessage(congestedSeq) !== null)
      this.#recovery.congested(this.#outgoing, this.#context.random, nowMs);
  }

  peerGone(nowMs: number): void {
    if (this.#state.phase === 'open') this.#probe.soon(nowMs);
  }

  connected(nowMs: number): void {
    if (this.#state.phase === 'open' && this.#probe.separated) this.#controls.resumeDue = true;
    this.#probe.reconnected(nowMs);
  }

  disconnected(nowMs: number): void {
    this.#probe.lost(nowMs);
    // What was in flight to the relay may be lost, or may not: the peer's answer to RESUME tells from where to resend.
    if (this.#state.phase !== 'open' || this.#interrupted) return;
    this.#interrupted = true;
    this.#emit({ type: 'interrupted' });
  }

  /** Ends what is over at `nowMs`. */
  wake(nowMs: number): void {
    const state = this.#state;
    if (state.phase === 'gone') return;
    if (state.phase === 'half-open' || state.phase === 'tombstone') {
      if (nowMs >= (state.phase === 'half-open' ? state.deadline : state.until)) return this.forget();
      if (state.phase === 'half-open') return;
    }
    const { resumeTimeoutMs } = this.#context.settings;
    const since = this.#probe.separatedSince;
    if (since !== null && nowMs - since > resumeTimeoutMs) {
      return this.abort({ code: 'resume-timeout', detail: `nothing of the peer for ${resumeTimeoutMs} ms` });
    }
    if (state.phase !== 'open') return;
    if (state.closeDeadline !== null && nowMs >= state.closeDeadline) {
      this.#end(abnormalEnd({ code: 'close-timeout', detail: `no answer to close within ${resumeTimeoutMs} ms` }));
      this.#entomb(nowMs);
      return;
    }
    const overdue = this.#rekey.overdue(since !== null, nowMs);
    if (overdue !== null) this.#fail(overdue, nowMs);
  }

  /** When `wake` or `nextFrame` is next worth calling, after `nowMs`; infinite for never. What is due already waits for `nextFrame`. */
  wakeAt(nowMs: number): number {
    const state = this.#state;
    if (state.phase === 'gone') return NEVER;
    if (state.phase === 'half-open') return state.deadline;
    const tombstone = state.phase === 'tombstone';
    let at = tombstone ? state.until : Math.min(state.closeDeadline ?? NEVER, this.#rekey.overdueAt);
    const since = this.#probe.separatedSince;
    if (since !== null) at = Math.min(at, since + this.#context.settings.resumeTimeoutMs + 1);
    if (!this.#context.connected) return at;
    this.#probe.plan(this.#outgoing.hungry, tombstone, nowMs);
    for (const due of [
      this.#acknowledgement.dueAt,
      this.#recovery.passAt,
      this.#recovery.heldUntil,
      this.#probe.nextAt,
      this.writable ? this.#rekey.dueAt(nowMs) : NEVER,
    ]) {
      if (due > nowMs && due < at) at = due;
    }
    return at;
  }

  /** Whether a RESET's echo is that of something still pending here. */
  provoked(echo: Uint8Array): boolean {
    const matches = (message: Uint8Array) => equalBytes(echoOf(this.#context.provider, contentOf(message)), echo);
    const state = this.#state;
    if (state.phase === 'gone') return false;
    if (state.phase === 'half-open') return matches(state.accept);
    if (this.#controls.recent.some(matches)) return true;
    for (let seq = this.#outgoing.acked; seq < this.#outgoing.cursor; seq++) {
      const message = this.#outgoing.retainedMessage(seq);
      if (message !== null && matches(message)) return true;
    }
    return false;
  }

  /** Ends at once with 1006, telling the peer nothing. */
  abort(failure: Failure): void {
    this.#end(abnormalEnd(failure));
    this.forget();
  }

  /** Overwrites the keys and lets everything go. */
  forget(): void {
    if (this.#state.phase === 'gone') return;
    this.#state = { phase: 'gone' };
    this.#keys.erase();
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#controls.clear();
  }

  #nextControl(nowMs: number): Uint8Array | null {
    this.#probe.plan(this.#outgoing.hungry, this.#state.phase === 'tombstone', nowMs);
    const control = this.#controls.next(this.#probe, this.#acknowledgement, this.#outgoing.cursor, nowMs);
    return control === null ? null : this.#sealControl(control.type, control.id);
  }

  #nextData(nowMs: number): Uint8Array | null {
    if (nowMs < this.#recovery.heldUntil) return null;
    this.#recovery.startPass(this.#outgoing, nowMs);
    // After its own close an end starts no rekey.
    if (this.writable && nowMs >= this.#rekey.dueAt(nowMs)) this.#rekey.start(this.#outgoing);
    // What was taken is acknowledged ahead of a close, so that the peer's bufferedAmount is true when it learns of it.
    if (this.#acknowledgement.dueAt !== NEVER && this.#outgoing.closeIsNext)
      return this.#sealControl(CONTROL_TYPE.ack, 0);
    if (this.#acknowledgement.mayGoAhead(nowMs) && this.#outgoing.messageIsNext && this.#outgoing.canSend(this.#keys)) {
      this.#acknowledgement.goAhead();
      return this.#sealControl(CONTROL_TYPE.ack, 0);
    }
    const message = this.#outgoing.next(this.#keys, this.#rekey);
    if (message !== null) this.#rekey.sent(nowMs);
    return message;
  }

  #sealControl(type: ControlType, id: number): Uint8Array {
    const { next, limit } = this.#incoming;
    const message = this.#keys.sealControl(encodeControl({ type, next, limit, id }));
    this.#acknowledgement.said(limit);
    this.#controls.sealed(message);
    return message;
  }

  #receiveData(seq: number, box: Uint8Array, nowMs: number): boolean {
    const { next } = this.#incoming;
    if (seq < next) return true;
    if (seq > next) {
      if (this.#state.phase === 'open' && this.#recovery.sawGap(seq, this.#probe.rttMs, nowMs))
        this.#controls.resumeDue = true;
      return true;
    }
    const plaintext = this.#keys.openData(seq, box);
    if (plaintext === null) return false;
    this.#heard(nowMs);
    this.#acknowledgement.took(plaintext.length, nowMs);
    this.#confirm(nowMs);
    this.#rekey.received(nowMs);
    const taken = this.#incoming.take(plaintext);
    plaintext.fill(0);
    this.#recovery.took(this.#incoming.next, nowMs);
    const failure = taken.ok ? this.#rekey.overdue(false, nowMs) : taken.failure;
    // Nothing more goes to the application; a tombstone acknowledges, so that the peer can let go.
    if (this.#state.phase === 'tombstone') this.delivered(nowMs);
    else if (failure !== null) this.#fail(failure, nowMs);
    if (taken.ok) this.#take(taken.value, nowMs);
    return true;
  }

  /** A tombstone derives new keys too, so as to open what follows under them, and acknowledges the peer's close at once. */
  #take(taken: Taken, nowMs: number): void {
    let failure: Failure | null = null;
    switch (taken.type) {
      case 'fragment':
        break;
      case 'message':
        this.#emitIfOpen(taken);
        break;
      case 'close':
        // The end that answers sends the same code and reason (PROTOCOL §4, Close).
        if (this.#state.phase === 'open')
          this.#finish(taken.status, { ...taken.status, wasClean: true, failure: null }, nowMs);
        else this.#acknowledgement.soon(nowMs);
        break;
      case 'rekey':
        failure = this.#rekey.takeRekey(taken.key, this.#outgoing);
        break;
      case 'rekeyed':
        failure = this.#rekey.takeRekeyed();
        break;
    }
    if (failure !== null) this.#fail(failure, nowMs);
  }

  #receiveControl(epoch: number, counter: number, box: Uint8Array, nowMs: number): boolean {
    const plaintext = this.#keys.openControl(epoch, counter, box);
    if (plaintext === null) return false;
    this.#heard(nowMs);
    this.#confirm(nowMs);
    const control = decodeControl(plaintext);
    const wrong = control === null ? 'a malformed CONTROL' : this.#learn(control, nowMs);
    if (control === null || wrong !== null) {
      this.#fail({ code: 'protocol-error', detail: wrong ?? '' }, nowMs);
      return true;
    }
    // A question is as good a sign of life as an answer: after a separation it may be all that comes.
    if (this.#pinged && control.id !== 0) {
      this.#pinged = false;
      this.#emitIfOpen({ type: 'pong' });
    }
    switch (control.type) {
      case CONTROL_TYPE.ping:
        this.#controls.answer(CONTROL_TYPE.pong, control.id);
        break;
      case CONTROL_TYPE.resume:
        this.#controls.answer(CONTROL_TYPE.ack, control.id);
        if (control.next < this.#outgoing.cursor) this.#recovery.passSoon(this.#probe.rttMs, nowMs);
        break;
      default: {
        const sentThen = control.id === 0 ? null : this.#probe.answer(control.id, nowMs);
        // Frames sent before the question are missing after it: they were lost (tail loss).
        if (sentThen !== null && control.next < sentThen && control.next === this.#outgoing.acked)
          this.#recovery.passSoon(this.#probe.rttMs, nowMs);
      }
    }
    return true;
  }

  /** Takes a CONTROL's acknowledgement and credit; why it can't be true, or `null`. */
  #learn(control: Control, nowMs: number): string | null {
    const before = this.#outgoing.acked;
    if (control.type === CONTROL_TYPE.resume && control.next < before) return 'RESUME below what was acknowledged';
    if (!this.#outgoing.acknowledge(control.next)) return 'an acknowledgement of what was not sent';
    this.#outgoing.grant(control.limit);
    if (this.#outgoing.acked > before) {
      this.#probe.progress(nowMs);
      this.#emitIfOpen({ type: 'acknowledged' });
    }
    return null;
  }

  #heard(nowMs: number): void {
    this.#probe.heard(nowMs);
    if (!this.#interrupted) return;
    this.#interrupted = false;
    this.#emitIfOpen({ type: 'resumed' });
  }

  /** A frame opened: the initiator has the keys, so the responder's application may know. */
  #confirm(nowMs: number): void {
    if (this.#state.phase !== 'half-open') return;
    this.#state = { phase: 'open', closeDeadline: null };
    this.#emit({ type: 'open' });
    // The initiator repeats its PING until a CONTROL opens: this end's first word.
    this.#acknowledgement.soon(nowMs);
  }

  #fail(failure: Failure, nowMs: number): void {
    const code = FAILURES[failure.code].closeCode ?? 1002;
    if (this.#state.phase === 'open') this.#finish({ code, reason: '' }, abnormalEnd(failure), nowMs);
  }

  /** Sends a close, if none is sent yet, ahead of unsealed data, and ends. */
  #finish(status: CloseStatus, end: ChannelEnd, nowMs: number): void {
    this.#outgoing.dropUnsealed();
    if (!this.#outgoing.closeSealed) this.#outgoing.enqueueUrgent(OPCODE.close, encodeClose(status));
    this.#end(end);
    this.#entomb(nowMs);
  }

  /** Keeps keys and unacknowledged frames for resumeTimeout, so that the peer's end closes as it should. */
  #entomb(nowMs: number): void {
    this.#state = { phase: 'tombstone', until: nowMs + this.#context.settings.resumeTimeoutMs };
    this.#acknowledgement.soon(nowMs);
  }

  #emit(event: ChannelEvent): void {
    this.#events.push(event);
  }

  #emitIfOpen(event: ChannelEvent): void {
    if (this.#state.phase === 'open') this.#emit(event);
  }

  /** A responder's channel that never opened was never announced: it ends as quietly. */
  #end(end: ChannelEnd): void {
    this.#emitIfOpen({ type: 'close', end });
  }
}
