import { equalBytes } from '@sws/crypto';
import { FAILURES } from '../failures.js';
import type { Failure } from '../result.js';
import type { ChannelContext } from './channel-context.js';
import { abnormalEnd, type ChannelEnd, type ChannelEvent } from './channel-event.js';
import type { ChannelFrame, ControlFrame, DataFrame } from './channel-frame.js';
import type { ChannelKeys } from './channel-keys.js';
import { type ChannelInput, type ChannelPhase, CLOSED_BEFORE_OPEN } from './channel-phase.js';
import { type CloseStatus, encodeClose } from './close-status.js';
import { Controls } from './controls.js';
import { OPCODE } from './data.js';
import { Gauge } from './gauge.js';
import { Gone } from './gone.js';
import { Incoming, type Taken } from './incoming.js';
import type { ChannelAccount } from './memory-budget.js';
import type { Outgoing } from './outgoing.js';
import { Rekey } from './rekey.js';
import { type FrameName, isNamed } from './reset.js';

const NEVER = Number.POSITIVE_INFINITY;
/** How long a responder keeps an unconfirmed channel. */
export const HALF_OPEN_TIMEOUT_MS = 60_000;

/** The states of a channel that has keys, each with its own fields (PROTOCOL §4, Channel states). */
type State =
  | {
      readonly name: 'half-open';
      readonly open: Uint8Array;
      readonly accept: Uint8Array;
      readonly deadline: number;
      acceptDue: boolean;
    }
  /** `closeDeadline`: until when the answer to this end's close may come; `null` before it has closed. */
  | { readonly name: 'open'; closeDeadline: number | null }
  | { readonly name: 'tombstone'; readonly until: number };

/** The result of a handshake. `outgoing` has the peer's first credit. */
export interface Established {
  readonly context: ChannelContext;
  readonly keys: ChannelKeys;
  /** The subprotocol; empty for none. */
  readonly protocol: string;
  readonly outgoing: Outgoing;
  readonly account: ChannelAccount;
}

/**
 * A channel that has keys, from ACCEPT to the end of its tombstone: order, credit, rekey and close (PROTOCOL §4).
 * `Controls` handles CONTROLs. `pollFrame` seals the frames to send, so that none pile up while the transport is full.
 */
export class Session implements ChannelPhase {
  readonly protocol: string;
  successor: Gone | null = null;
  nextWakeAtMs = NEVER;
  readonly #context: ChannelContext;
  readonly #keys: ChannelKeys;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #rekey: Rekey;
  readonly #controls: Controls;
  #events: ChannelEvent[] = [];
  #state: State;
  #interrupted = false;

  private constructor({ context, keys, protocol, outgoing, account }: Established, state: State) {
    const { windowBytes, maxMessageBytes, rekeyAfterFrames } = context.settings;
    this.protocol = protocol;
    this.#context = context;
    this.#keys = keys;
    this.#state = state;
    this.#outgoing = outgoing;
    const gauge = new Gauge();
    this.#incoming = new Incoming(account, gauge, maxMessageBytes, windowBytes);
    this.#rekey = new Rekey(keys, outgoing, context.random, rekeyAfterFrames);
    this.#controls = new Controls(keys, outgoing, this.#incoming, gauge, account, context.random);
  }

  /** The initiator's session, created on ACCEPT. It sends PINGs until a CONTROL opens. */
  static initiated(established: Established, nowMs: number): Session {
    const session = new Session(established, { name: 'open', closeDeadline: null });
    session.#emitIfOpen({ type: 'open' });
    session.#controls.probe.askSoon(nowMs);
    session.#plan(nowMs);
    return session;
  }

  /** The responder's session. Until the peer confirms, every identical OPEN is answered with `accept`. Keeps both. */
  static responded(
    established: Established,
    frames: { readonly open: Uint8Array; readonly accept: Uint8Array },
    nowMs: number,
  ): Session {
    const deadline = nowMs + HALF_OPEN_TIMEOUT_MS;
    const session = new Session(established, { name: 'half-open', ...frames, deadline, acceptDue: true });
    session.#plan(nowMs);
    return session;
  }

  get name(): State['name'] {
    return this.#state.name;
  }
  get channelId(): Uint8Array {
    return this.#keys.channelId;
  }
  get confirmed(): boolean {
    return this.#state.name === 'open' && this.#controls.probe.confirmed;
  }
  get unansweredSinceMs(): number | null {
    return this.#controls.probe.askedSince;
  }
  get writable(): boolean {
    return this.#state.name === 'open' && this.#state.closeDeadline === null;
  }
  get starved(): boolean {
    return this.#incoming.starved;
  }

  pollEvent(): ChannelEvent | null {
    return this.#events.shift() ?? null;
  }

  pollFrame(nowMs: number): Uint8Array | null {
    const message = this.#nextFrame(nowMs);
    if (message !== null || this.#outgoing.waitsForRoom) this.#plan(nowMs);
    return message;
  }

  handle(input: ChannelInput, nowMs: number): void {
    this.#apply(input, nowMs);
    this.#plan(nowMs);
  }

  handleFrame(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean {
    const opened = this.#receive(frame, content, nowMs);
    this.#plan(nowMs);
    return opened;
  }

  provoked(name: FrameName): boolean {
    const state = this.#state;
    if (state.name === 'half-open') return isNamed(state.accept, name);
    if (name.seq < 0) return this.#controls.provoked(name);
    const message = this.#outgoing.retainedMessage(name.seq);
    return message !== null && isNamed(message, name);
  }

  /** Ends the channel at once. `farewell` is a last frame for the peer. */
  abort(failure: Failure, farewell: Uint8Array | null = null): void {
    this.#emitIfOpen({ type: 'close', end: abnormalEnd(failure) });
    this.#forget(farewell);
  }

  #apply(input: ChannelInput, nowMs: number): void {
    const isOpen = this.#state.name === 'open';
    this.#controls.handle(input, isOpen, nowMs);
    switch (input.type) {
      case 'send':
        this.#outgoing.enqueue(input.data);
        break;
      case 'close':
        this.#close(input, nowMs);
        break;
      case 'delivered':
        this.#incoming.delivered();
        this.#controls.granted(nowMs);
        break;
      case 'memory-freed':
        this.#incoming.refill();
        this.#controls.granted(nowMs);
        break;
      case 'terminate':
        this.#terminate(input.failure, nowMs);
        break;
      case 'disconnected':
        if (isOpen && !this.#interrupted) this.#emitIfOpen({ type: 'interrupted' });
        this.#interrupted ||= isOpen;
        break;
      case 'timeout':
        this.#timeout(nowMs);
        break;
    }
  }

  #close(status: CloseStatus, nowMs: number): void {
    const state = this.#state;
    if (state.name === 'half-open') return this.abort(CLOSED_BEFORE_OPEN);
    if (state.name !== 'open' || !this.writable) return;
    state.closeDeadline = nowMs + this.#context.settings.resumeTimeoutMs;
    this.#outgoing.enqueueClose(encodeClose(status));
  }

  #terminate(failure: Failure, nowMs: number): void {
    const asks = this.#state.name === 'open' && this.#context.connected;
    this.abort(failure, asks ? this.#controls.farewell(nowMs) : null);
  }

  /** Ends the states whose time is over at `nowMs`. */
  #timeout(nowMs: number): void {
    const state = this.#state;
    if (state.name === 'half-open' || state.name === 'tombstone') {
      if (nowMs >= (state.name === 'half-open' ? state.deadline : state.until)) return this.#forget();
      if (state.name === 'half-open') return;
    }
    const { resumeTimeoutMs } = this.#context.settings;
    const since = this.#controls.probe.separatedSince;
    if (since !== null && nowMs - since > resumeTimeoutMs) {
      return this.abort({ code: 'resume-timeout', detail: `nothing of the peer for ${resumeTimeoutMs} ms` });
    }
    if (state.name !== 'open') return;
    if (state.closeDeadline !== null && nowMs >= state.closeDeadline) {
      const end = abnormalEnd({ code: 'close-timeout', detail: `no answer to close within ${resumeTimeoutMs} ms` });
      return this.#entomb(end, nowMs);
    }
    const overdue = this.#rekey.overdue(since !== null, nowMs) ?? this.#rekey.answer(nowMs);
    if (overdue !== null) this.#fail(overdue, nowMs);
  }

  #nextFrame(nowMs: number): Uint8Array | null {
    const state = this.#state;
    if (state.name === 'half-open') {
      if (!state.acceptDue) return null;
      state.acceptDue = false;
      return state.accept;
    }
    return this.#controls.pollFrame(state.name === 'tombstone', nowMs) ?? this.#nextData(nowMs);
  }

  #nextData(nowMs: number): Uint8Array | null {
    const { recovery } = this.#controls;
    if (nowMs < recovery.heldUntil) return null;
    recovery.startPass(this.#outgoing, nowMs);
    // An end starts no rekey after its own close.
    if (this.writable && nowMs >= this.#rekey.dueAt(nowMs)) this.#rekey.start();
    const ahead = this.#controls.pollAhead(nowMs);
    if (ahead !== null) return ahead;
    const message = this.#outgoing.next(this.#keys, nowMs);
    if (message !== null) this.#rekey.sent(nowMs);
    return message;
  }

  #receive(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean {
    const state = this.#state;
    switch (frame.kind) {
      case 'open':
        // Any other OPEN for a live id is dropped.
        if (state.name === 'half-open' && equalBytes(content, state.open)) state.acceptDue = true;
        return true;
      case 'data':
        return this.#receiveData(frame, nowMs);
      case 'control':
        return this.#receiveControl(frame, nowMs);
      default:
        return true;
    }
  }

  #receiveData({ seq, box }: DataFrame, nowMs: number): boolean {
    const { next } = this.#incoming;
    if (seq < next) return true;
    if (seq > next) {
      if (this.#state.name === 'open') this.#controls.sawGap(seq, nowMs);
      return true;
    }
    const plaintext = this.#keys.openData(seq, box);
    if (plaintext === null) return false;
    const { recovery } = this.#controls;
    this.#heard(nowMs);
    this.#controls.took(plaintext.length, nowMs);
    this.#confirm(nowMs);
    this.#rekey.received(nowMs);
    const taken = this.#incoming.acceptFrame(plaintext);
    plaintext.fill(0);
    recovery.took(this.#incoming.next, nowMs);
    const failure = taken.ok ? this.#rekey.overdue(false, nowMs) : taken.failure;
    this.#controls.granted(nowMs);
    if (failure !== null) this.#fail(failure, nowMs);
    if (taken.ok) this.#take(taken.value, nowMs);
    return true;
  }

  /** A tombstone derives new keys too, to open later frames under them, and acknowledges the peer's close at once. */
  #take(taken: Taken, nowMs: number): void {
    const { acknowledgement } = this.#controls;
    let failure: Failure | null = null;
    switch (taken.type) {
      case 'messages':
        for (const data of taken.messages) this.#emitIfOpen({ type: 'message', data });
        break;
      case 'close':
        // The end that answers sends the same code and reason (PROTOCOL §4, Close).
        if (this.#state.name === 'open')
          this.#finish(taken.status, { ...taken.status, wasClean: true, failure: null }, nowMs);
        else {
          // After the close timeout, this end's own close may still wait for its messages.
          if (this.#outgoing.hasMore) this.#sendClose(taken.status);
          acknowledgement.scheduleBy(nowMs);
        }
        break;
      case 'rekey':
        failure = this.#rekey.takeRekey(taken.key, this.#state.name !== 'open' || this.#outgoing.closeSealed, nowMs);
        break;
      case 'rekeyed':
        failure = this.#rekey.takeRekeyed(nowMs);
        // ACKs under the old key no longer open from here. Send the acknowledgement again at once.
        acknowledgement.scheduleBy(nowMs);
        break;
    }
    if (failure !== null) this.#fail(failure, nowMs);
  }

  #receiveControl({ epoch, counter, box }: ControlFrame, nowMs: number): boolean {
    const plaintext = this.#keys.openControl(epoch, counter, box);
    if (plaintext === null) return false;
    this.#heard(nowMs);
    this.#confirm(nowMs);
    const { failure, isProgress, isPong } = this.#controls.accept(plaintext, nowMs);
    if (failure !== null) this.#fail(failure, nowMs);
    if (isProgress) this.#emitIfOpen({ type: 'acknowledged' });
    if (isPong) this.#emitIfOpen({ type: 'pong' });
    return true;
  }

  #heard(nowMs: number): void {
    this.#controls.probe.heard(nowMs);
    if (!this.#interrupted) return;
    this.#interrupted = false;
    this.#emitIfOpen({ type: 'resumed' });
  }

  /** A frame opened, which shows that the initiator has the keys. The responder's application may now be told. */
  #confirm(nowMs: number): void {
    if (this.#state.name !== 'half-open') return;
    this.#state = { name: 'open', closeDeadline: null };
    this.#emitIfOpen({ type: 'open' });
    // The initiator repeats its PING until a CONTROL opens, which is this end's first.
    this.#controls.acknowledgement.scheduleBy(nowMs);
  }

  #fail(failure: Failure, nowMs: number): void {
    const code = FAILURES[failure.code].closeCode ?? 1002;
    if (this.#state.name === 'open') this.#finish({ code, reason: '' }, abnormalEnd(failure), nowMs);
  }

  /** Sends a close if none was sent, and ends. */
  #finish(status: CloseStatus, end: ChannelEnd, nowMs: number): void {
    this.#sendClose(status);
    this.#entomb(end, nowMs);
  }

  /** Sends a close if none was sent, in place of unsealed data. */
  #sendClose(status: CloseStatus): void {
    this.#outgoing.dropUnsealed();
    if (!this.#outgoing.closeSealed) this.#outgoing.enqueueUrgent(OPCODE.close, encodeClose(status));
  }

  /** Ends, and keeps keys and unacknowledged frames for resumeTimeout, so that the peer can close cleanly. */
  #entomb(end: ChannelEnd, nowMs: number): void {
    this.#emitIfOpen({ type: 'close', end });
    this.#incoming.discard();
    this.#state = { name: 'tombstone', until: nowMs + this.#context.settings.resumeTimeoutMs };
    this.#controls.acknowledgement.scheduleBy(nowMs);
  }

  /** Overwrites the keys and drops everything. */
  #forget(farewell: Uint8Array | null = null): void {
    this.successor = new Gone(this, this.#events, farewell);
    this.#keys.erase();
    this.#outgoing.clear();
    this.#incoming.discard();
    this.#controls.clear();
  }

  /** A responder's channel that never opened was never announced: it ends as quietly. */
  #emitIfOpen(event: ChannelEvent): void {
    if (this.#state.name === 'open') this.#events.push(event);
  }

  #plan(nowMs: number): void {
    this.nextWakeAtMs = this.#wakeAt(nowMs);
  }

  #wakeAt(nowMs: number): number {
    const state = this.#state;
    if (state.name === 'half-open') return state.deadline;
    const isTombstone = state.name === 'tombstone';
    let at = isTombstone
      ? state.until
      : Math.min(state.closeDeadline ?? NEVER, this.#rekey.overdueAt, this.#rekey.answerAt(nowMs));
    const since = this.#controls.probe.separatedSince;
    if (since !== null) at = Math.min(at, since + this.#context.settings.resumeTimeoutMs + 1);
    if (!this.#context.connected) return at;
    at = Math.min(at, this.#controls.wakeAfter(isTombstone, nowMs));
    const rekeyAt = this.writable ? this.#rekey.dueAt(nowMs) : NEVER;
    return rekeyAt > nowMs ? Math.min(at, rekeyAt) : at;
  }
}
