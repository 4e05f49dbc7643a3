import type { Failure } from '../result.js';
import type { ChannelContext } from './channel-context.js';
import { abnormalEnd } from './channel-event.js';
import type { AcceptFrame, ChannelFrame } from './channel-frame.js';
import { type ChannelInput, type ChannelPhase, CLOSED_BEFORE_OPEN } from './channel-phase.js';
import { Gone } from './gone.js';
import { type HandshakeContext, InitiatorHandshake } from './handshake.js';
import { jitter } from './jitter.js';
import type { ChannelAccount } from './memory-budget.js';
import type { Outgoing } from './outgoing.js';
import { type FrameName, isNamed } from './reset.js';
import { Session } from './session.js';
import { TokenBucket } from './token-bucket.js';

/** OPEN is repeated for at most this long. A longer attempt starts again with another channelId. */
export const OPEN_TIMEOUT_MS = 45_000;
const OPEN_RETRY_MS = 1_000;
const MAX_OPEN_RETRY_MS = 8_000;
const WAIT_RETRY_MIN_MS = 2_000;
const WAIT_RETRY_MAX_MS = 60_000;
/**
 * The most ACCEPTs tried per second for one OPEN. Each costs five public-key operations, and the relay may forge them.
 */
const ACCEPTS_PER_SECOND = 4;
const NEVER = Number.POSITIVE_INFINITY;

/** The initiator's offer. */
export interface ChannelOffer {
  readonly resource: string;
  readonly protocols: readonly string[];
  /** Until when to wait for an absent peer; 0 to fail at once. */
  readonly waitUntilMs: number;
}

/**
 * An initiator's channel before ACCEPT. It sends the one sealed OPEN, and repeats it (PROTOCOL §4, Handshake). While it
 * waits for its turn (no `begin` yet), nothing is due.
 */
export class Opening implements ChannelPhase {
  readonly name = 'opening';
  readonly protocol = '';
  readonly confirmed = false;
  readonly writable = true;
  readonly unansweredSinceMs = null;
  readonly starved = false;
  channelId: Uint8Array;
  successor: Session | Gone | null = null;
  nextWakeAtMs = NEVER;
  readonly #context: ChannelContext;
  readonly #handshakeContext: HandshakeContext;
  readonly #offer: ChannelOffer;
  readonly #outgoing: Outgoing;
  readonly #account: ChannelAccount;
  readonly #accepts = new TokenBucket(ACCEPTS_PER_SECOND, ACCEPTS_PER_SECOND);
  #handshake: InitiatorHandshake;
  #retryAt = NEVER;
  #sentAt = Number.NEGATIVE_INFINITY;
  #interval = OPEN_RETRY_MS;
  #deadline = NEVER;

  /** `outgoing` has the messages to send once the channel is open. @throws SwsError `invalid-offer` */
  constructor(
    context: ChannelContext,
    handshakeContext: HandshakeContext,
    offer: ChannelOffer,
    outgoing: Outgoing,
    account: ChannelAccount,
  ) {
    this.#context = context;
    this.#handshakeContext = handshakeContext;
    this.#offer = offer;
    this.#outgoing = outgoing;
    this.#account = account;
    this.channelId = context.random(16);
    this.#handshake = this.#newHandshake();
  }

  /** There are no events before it ends. */
  pollEvent(): null {
    return null;
  }

  /** Returns OPEN if it is due. */
  pollFrame(nowMs: number): Uint8Array | null {
    if (nowMs < this.#retryAt || nowMs >= this.#deadline) return null;
    this.#sentAt = nowMs;
    this.#retryAt = nowMs + this.#interval;
    this.#interval = Math.min(MAX_OPEN_RETRY_MS, this.#interval * 2);
    this.#plan(nowMs);
    return this.#handshake.open;
  }

  handle(input: ChannelInput, nowMs: number): void {
    switch (input.type) {
      case 'begin':
        this.#deadline = nowMs + OPEN_TIMEOUT_MS;
        this.#retryAt = nowMs;
        break;
      case 'send':
        this.#outgoing.enqueue(input.data);
        break;
      case 'close':
        this.abort(CLOSED_BEFORE_OPEN);
        break;
      case 'terminate':
        this.abort(input.failure);
        break;
      case 'connected':
        this.#retryBy(nowMs);
        break;
      case 'peer-seen':
        // At most once a second. Otherwise two ends that open to each other would answer OPEN with OPEN.
        this.#retryBy(Math.max(nowMs, this.#sentAt + OPEN_RETRY_MS));
        break;
      case 'connection-failed':
        if (!this.#waits(nowMs)) this.abort(input.failure);
        break;
      case 'undeliverable':
        if (input.code === 'congested') break;
        if (input.code === 'offline' && this.#waits(nowMs))
          this.#retryAt = nowMs + jitter(this.#context.random, WAIT_RETRY_MIN_MS, WAIT_RETRY_MAX_MS);
        else this.abort({ code: input.code, detail: `the relay could not deliver OPEN: ${input.code}` });
        break;
      case 'timeout':
        this.#timeout(nowMs);
        break;
    }
    this.#plan(nowMs);
  }

  /** Takes an ACCEPT. If it opens, the session begins. */
  handleFrame(frame: ChannelFrame, _content: Uint8Array, nowMs: number): boolean {
    const opened = frame.kind !== 'accept' || this.#receiveAccept(frame, nowMs);
    this.#plan(nowMs);
    return opened;
  }

  provoked(name: FrameName): boolean {
    return isNamed(this.#handshake.open, name);
  }

  abort(failure: Failure): void {
    this.#handshake.erase();
    this.#outgoing.clear();
    this.successor = new Gone(this, [{ type: 'close', end: abnormalEnd(failure) }]);
  }

  /** Returns false for an ACCEPT that does not open, or if too many have arrived. */
  #receiveAccept(frame: AcceptFrame, nowMs: number): boolean {
    // An ACCEPT is valid only for an OPEN that was sent.
    if (this.#sentAt === Number.NEGATIVE_INFINITY) return false;
    const context = this.#context;
    if (!this.#accepts.tryConsume(nowMs)) return false;
    if (!context.accepts.tryConsume(nowMs)) {
      context.counters.overRate++;
      return false;
    }
    const accepted = this.#handshake.receiveAccept(frame);
    if (accepted === null) return false;
    const { keys } = accepted;
    const { protocol, limit } = accepted.payload;
    if (protocol !== '' && !this.#offer.protocols.includes(protocol)) {
      keys.erase();
      this.abort({ code: 'handshake-failed', detail: 'the peer chose a subprotocol not offered' });
      return true;
    }
    const outgoing = this.#outgoing;
    outgoing.grant(limit);
    this.successor = Session.initiated({ context, keys, protocol, outgoing, account: this.#account }, nowMs);
    return true;
  }

  /** Ends the attempt, or continues it under a new channelId if it waits for the peer. */
  #timeout(nowMs: number): void {
    if (nowMs < this.#deadline) return;
    if (!this.#waits(nowMs))
      return this.abort({ code: 'open-timeout', detail: `no answer to OPEN within ${OPEN_TIMEOUT_MS} ms` });
    this.#handshake.erase();
    this.channelId = this.#context.random(16);
    this.#handshake = this.#newHandshake();
    this.#deadline = nowMs + OPEN_TIMEOUT_MS;
    this.#interval = OPEN_RETRY_MS;
  }

  /** Whether an absent peer is still waited for. */
  #waits(nowMs: number): boolean {
    return nowMs < this.#offer.waitUntilMs;
  }

  /** Sends OPEN at `atMs` at the latest. */
  #retryBy(atMs: number): void {
    if (Number.isFinite(this.#deadline) && this.#retryAt > atMs) this.#retryAt = atMs;
  }

  #newHandshake(): InitiatorHandshake {
    const { resource, protocols } = this.#offer;
    const limit = this.#account.windowBytes;
    return new InitiatorHandshake(this.#handshakeContext, this.channelId, { resource, protocols, limit });
  }

  #plan(nowMs: number): void {
    const sends = this.#context.connected && this.#retryAt > nowMs;
    this.nextWakeAtMs = sends ? Math.min(this.#deadline, this.#retryAt) : this.#deadline;
  }
}
