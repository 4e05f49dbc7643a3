import type { RandomBytes } from '@sws/crypto';
import { type Failure, fail } from '../result.js';
import type { ChannelKeys, Role } from './channel-keys.js';
import { OPCODE, type Opcode } from './data.js';
import type { Outgoing } from './outgoing.js';

/** The initiator rekeys this long after a key's first frame, even if the channel has been idle since. */
const REKEY_AFTER_MS = 120_000;
/** An end closes on having taken more than this many DATA frames under one receive key … */
const MAX_OPENED_PER_KEY = 2 ** 17;
/** … or when a receive key is used for longer than this. */
const MAX_KEY_AGE_MS = 900_000;
/** After a separation an overdue receive key gets this long to be replaced. */
const AGE_GRACE_MS = 60_000;

/** When keys change, and how: the three frames in the stream (PROTOCOL §4, Rekey). */
export class Rekey {
  readonly #keys: ChannelKeys;
  readonly #role: Role;
  readonly #random: RandomBytes;
  readonly #afterFrames: number;
  /** Whether the next frame of ours that is sealed, `rekey` or `rekeyed`, is the last under its key. */
  #lastUnderKey = false;
  #firstAt = Number.POSITIVE_INFINITY;
  #firstReceivedAt = Number.POSITIVE_INFINITY;

  constructor(keys: ChannelKeys, role: Role, random: RandomBytes, afterFrames: number) {
    this.#keys = keys;
    this.#role = role;
    this.#random = random;
    this.#afterFrames = afterFrames;
  }

  /** A DATA frame was sent. */
  sent(nowMs: number): void {
    if (nowMs < this.#firstAt) this.#firstAt = nowMs;
  }

  /** A DATA frame was opened. */
  received(nowMs: number): void {
    if (nowMs < this.#firstAt) this.#firstAt = nowMs;
    if (nowMs < this.#firstReceivedAt) this.#firstReceivedAt = nowMs;
  }

  /** When the initiator is to rekey; infinite while it may not: one at a time, and the next only after a CONTROL under the present keys. */
  dueAt(nowMs: number): number {
    if (this.#role !== 'initiator' || this.#keys.rekeying || !this.#keys.confirmed) return Number.POSITIVE_INFINITY;
    const frames = this.#keys.sealedFrames + this.#keys.openedFrames;
    return frames >= this.#afterFrames ? nowMs : this.#firstAt + REKEY_AFTER_MS;
  }

  /** Queues `rekey` ahead of unsealed data. */
  start(outgoing: Outgoing): void {
    outgoing.enqueueUrgent(OPCODE.rekey, this.#keys.startRekey(this.#random(32)));
  }

  /** The peer's `rekey` was taken; `null` if it was in turn. After its own close an end still derives, and answers nothing. */
  takeRekey(theirs: Uint8Array, outgoing: Outgoing): Failure | null {
    const keys = this.#keys;
    if (this.#role === 'initiator') {
      if (!keys.rekeying || !keys.finishRekey(theirs)) return outOfTurn('rekey out of turn or with a low-order key');
      this.#firstReceivedAt = Number.POSITIVE_INFINITY;
      if (outgoing.closeSealed) return null;
      this.#enqueueLast(outgoing, OPCODE.rekeyed, new Uint8Array(0));
      return null;
    }
    if (keys.rekeying) return outOfTurn('rekey out of turn or with a low-order key');
    if (outgoing.closeSealed) return null;
    const answer = keys.answerRekey(theirs, this.#random(32));
    if (answer === null) return outOfTurn('rekey out of turn or with a low-order key');
    this.#enqueueLast(outgoing, OPCODE.rekey, answer);
    return null;
  }

  /** A `rekey` or `rekeyed` of ours was sealed: if it was the last under its key, the next key holds from here. */
  sealed(): void {
    if (!this.#lastUnderKey) return;
    this.#lastUnderKey = false;
    this.#keys.switchSend();
    if (this.#role === 'initiator') this.#completed();
  }

  /** The peer's `rekeyed` was taken; `null` if it was in turn. */
  takeRekeyed(): Failure | null {
    if (this.#role === 'initiator' || !this.#keys.rekeying) return outOfTurn('rekeyed out of turn');
    this.#keys.switchReceive();
    this.#firstReceivedAt = Number.POSITIVE_INFINITY;
    this.#completed();
    return null;
  }

  /** When `overdue` may hold; infinite while nothing was received under the present key. */
  get overdueAt(): number {
    return this.#firstReceivedAt + MAX_KEY_AGE_MS + 1;
  }

  /** Why the receive key can't be used any longer, or `null`. A separation does not count: it moves the age on. */
  overdue(separated: boolean, nowMs: number): Failure | null {
    if (this.#keys.openedFrames > MAX_OPENED_PER_KEY)
      return outOfTurn(`over ${MAX_OPENED_PER_KEY} frames under one key`);
    if (nowMs < this.overdueAt) return null;
    if (!separated) return outOfTurn(`over ${MAX_KEY_AGE_MS} ms under one key`);
    this.#firstReceivedAt = nowMs - MAX_KEY_AGE_MS + AGE_GRACE_MS;
    return null;
  }

  #enqueueLast(outgoing: Outgoing, opcode: Opcode, bytes: Uint8Array): void {
    this.#lastUnderKey = true;
    outgoing.enqueueUrgent(opcode, bytes);
  }

  #completed(): void {
    this.#keys.completeRekey();
    this.#firstAt = Number.POSITIVE_INFINITY;
  }
}

function outOfTurn(detail: string): Failure {
  return fail('protocol-error', detail).failure;
}
