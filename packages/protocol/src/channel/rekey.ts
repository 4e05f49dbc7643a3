import type { RandomBytes } from '@sws/crypto';
import { type Failure, fail } from '../result.js';
import type { ChannelKeys } from './channel-keys.js';
import { OPCODE } from './data.js';
import type { Outgoing } from './outgoing.js';

const NEVER = Number.POSITIVE_INFINITY;

/** The initiator rekeys this long after the first frame under a key, even if the channel has been idle since. */
const REKEY_AFTER_MS = 120_000;
/** The responder answers a rekey this long after the previous one … */
const MIN_REKEY_INTERVAL_MS = 30_000;
/** … or after this many DATA frames under the present keys (a quarter of `rekeyAfterFrames` if that is less). */
const MIN_REKEY_FRAMES = 2 ** 14;
/** An end closes if it has taken more than this many DATA frames under one receive key … */
const MAX_OPENED_PER_KEY = 2 ** 17;
/** … or when a receive key is used for longer than this. */
const MAX_KEY_AGE_MS = 900_000;
/** How long an overdue receive key may still be used after a separation. */
const AGE_GRACE_MS = 60_000;

/** The state of a rekey at this end. */
type State =
  | { readonly step: 'idle' }
  /** Initiator: `rekey` is queued … */
  | { readonly step: 'asking' }
  /** … it is sealed, and an answer is valid from now on … */
  | { readonly step: 'asked' }
  /** … the answer was taken. `rekeyed` is queued, or is never sent because this end has closed. */
  | { readonly step: 'finishing' }
  /** Responder: `rekey` was taken, and is answered when the limit allows … */
  | { readonly step: 'metered'; readonly theirs: Uint8Array }
  /** … the answer is queued … */
  | { readonly step: 'answering' }
  /** … it is sealed, and `rekeyed` is valid from now on. */
  | { readonly step: 'answered' };

const IDLE: State = { step: 'idle' };

/** Changes the keys by three frames in the stream (PROTOCOL §4, Rekey). */
export class Rekey {
  readonly #keys: ChannelKeys;
  readonly #outgoing: Outgoing;
  readonly #random: RandomBytes;
  readonly #afterFrames: number;
  #state: State = IDLE;
  #completedAt = Number.NEGATIVE_INFINITY;
  /** How many of the frames sealed by `outgoing` were checked for a `rekey` or `rekeyed` of ours. */
  #sealed = 0;
  #firstAt = NEVER;
  #firstReceivedAt = NEVER;

  constructor(keys: ChannelKeys, outgoing: Outgoing, random: RandomBytes, afterFrames: number) {
    this.#keys = keys;
    this.#outgoing = outgoing;
    this.#random = random;
    this.#afterFrames = afterFrames;
  }

  /** A DATA frame was sent; it may have been a `rekey` or `rekeyed` of ours. */
  sent(nowMs: number): void {
    if (this.#outgoing.rekeySealed > this.#sealed) this.#ownSealed();
    if (nowMs < this.#firstAt) this.#firstAt = nowMs;
  }

  /** A DATA frame was opened. */
  received(nowMs: number): void {
    if (nowMs < this.#firstAt) this.#firstAt = nowMs;
    if (nowMs < this.#firstReceivedAt) this.#firstReceivedAt = nowMs;
  }

  /**
   * When the initiator must rekey; infinite while it may not. Only one rekey runs at a time. The next may start once
   * the peer has acknowledged this one's `rekeyed` under the present keys.
   */
  dueAt(nowMs: number): number {
    if (
      this.#keys.role !== 'initiator' ||
      this.#state.step !== 'idle' ||
      !this.#keys.confirmed ||
      !this.#isAcknowledged
    )
      return NEVER;
    return this.#frames >= this.#afterFrames ? nowMs : this.#firstAt + REKEY_AFTER_MS;
  }

  /** Queues `rekey` ahead of unsealed data. */
  start(): void {
    this.#state = { step: 'asking' };
    this.#outgoing.enqueueUrgent(OPCODE.rekey, this.#keys.startRekey(this.#random(32)));
  }

  /**
   * Takes the peer's `rekey`. Returns a failure if it was out of turn. An end that has closed still derives keys as the
   * initiator, but does not answer.
   */
  takeRekey(theirs: Uint8Array, closed: boolean, nowMs: number): Failure | null {
    if (this.#keys.role === 'responder') {
      if (this.#state.step !== 'idle') return outOfTurn('rekey while one is under way');
      this.#state = { step: 'metered', theirs };
      return closed ? null : this.answer(nowMs);
    }
    // An answer to a `rekey` that was not sent yet is forged.
    if (this.#state.step !== 'asked') return outOfTurn('rekey out of turn');
    if (!this.#keys.finishRekey(theirs)) return outOfTurn('rekey with a low-order key');
    this.#firstReceivedAt = NEVER;
    this.#state = { step: 'finishing' };
    if (!closed) this.#outgoing.enqueueUrgent(OPCODE.rekeyed, new Uint8Array(0));
    return null;
  }

  /** When to answer a `rekey` that was taken. This limits what a peer can make this end compute and keep. */
  answerAt(nowMs: number): number {
    if (this.#state.step !== 'metered' || this.#outgoing.closeSealed || !this.#isAcknowledged) return NEVER;
    const frames = Math.min(MIN_REKEY_FRAMES, this.#afterFrames / 4);
    return this.#frames >= frames ? nowMs : this.#completedAt + MIN_REKEY_INTERVAL_MS;
  }

  /** Answers a `rekey` if an answer is due. Returns why that fails, or `null`. */
  answer(nowMs: number): Failure | null {
    if (this.#state.step !== 'metered' || nowMs < this.answerAt(nowMs)) return null;
    const answer = this.#keys.answerRekey(this.#state.theirs, this.#random(32));
    if (answer === null) return outOfTurn('rekey with a low-order key');
    this.#state = { step: 'answering' };
    this.#outgoing.enqueueUrgent(OPCODE.rekey, answer);
    return null;
  }

  /** Takes the peer's `rekeyed`. Returns a failure if it was out of turn: before our answer was sent it is forged. */
  takeRekeyed(nowMs: number): Failure | null {
    if (this.#state.step !== 'answered') return outOfTurn('rekeyed out of turn');
    this.#keys.switchReceive();
    this.#firstReceivedAt = NEVER;
    this.#completedAt = nowMs;
    this.#complete();
    return null;
  }

  /** When to check `overdue`; infinite while nothing was received under the present key. */
  get overdueAt(): number {
    return this.#firstReceivedAt + MAX_KEY_AGE_MS + 1;
  }

  /** Why the receive key cannot be used any longer, or `null`. The time of a separation does not count. */
  overdue(separated: boolean, nowMs: number): Failure | null {
    if (this.#keys.openedFrames > MAX_OPENED_PER_KEY)
      return outOfTurn(`over ${MAX_OPENED_PER_KEY} frames under one key`);
    if (nowMs < this.overdueAt) return null;
    if (!separated) return outOfTurn(`over ${MAX_KEY_AGE_MS} ms under one key`);
    this.#firstReceivedAt = nowMs - MAX_KEY_AGE_MS + AGE_GRACE_MS;
    return null;
  }

  /** DATA frames sealed and opened under the present keys. */
  get #frames(): number {
    return this.#keys.sealedFrames + this.#keys.openedFrames;
  }

  /** Whether the peer has our last `rekey` or `rekeyed`. The next waits for this, so that at most one is kept. */
  get #isAcknowledged(): boolean {
    return this.#outgoing.acked >= this.#outgoing.rekeySealed;
  }

  /**
   * A `rekey` or `rekeyed` of ours was sealed. If it was the last frame under its key, the next key is used from now
   * on.
   */
  #ownSealed(): void {
    this.#sealed = this.#outgoing.rekeySealed;
    if (this.#state.step === 'asking') this.#state = { step: 'asked' };
    else if (this.#state.step === 'answering') {
      this.#keys.switchSend();
      this.#state = { step: 'answered' };
    } else if (this.#state.step === 'finishing') {
      this.#keys.switchSend();
      this.#complete();
    }
  }

  #complete(): void {
    this.#keys.completeRekey();
    this.#firstAt = NEVER;
    this.#state = IDLE;
  }
}

function outOfTurn(detail: string): Failure {
  return fail('protocol-error', detail).failure;
}
