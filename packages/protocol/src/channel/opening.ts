import { equalBytes } from '@sws/crypto';
import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import { type ChannelFrame, contentOf } from './channel-frame.js';
import type { ChannelKeys } from './channel-keys.js';
import { type ChannelContext, jitter } from './channel-settings.js';
import { type HandshakeContext, InitiatorHandshake } from './handshake.js';
import type { AcceptPayload } from './payload.js';
import { echoOf } from './reset.js';

/** OPEN is repeated for at most this long; who waits longer starts afresh, under another channelId. */
export const OPEN_TIMEOUT_MS = 45_000;
const OPEN_RETRY_MS = 1_000;
const MAX_OPEN_RETRY_MS = 8_000;
const WAIT_RETRY_MIN_MS = 2_000;
const WAIT_RETRY_MAX_MS = 60_000;
const NEVER = Number.POSITIVE_INFINITY;

/** What the initiator offers. */
export interface ChannelOffer {
  readonly resource: string;
  readonly protocols: readonly string[];
  /** Until when an absent peer is waited for; 0 to fail at once. */
  readonly waitUntilMs: number;
}

/**
 * An initiator's channel before ACCEPT: the one sealed OPEN and when it goes out again (PROTOCOL §4, Handshake).
 * While it waits for a place (`begin` not called) nothing is due.
 */
export class Opening {
  readonly phase = 'opening';
  channelId: Uint8Array;
  readonly #context: ChannelContext;
  readonly #handshakeContext: HandshakeContext;
  readonly #offer: ChannelOffer;
  #handshake: InitiatorHandshake;
  #retryAt = NEVER;
  #sentAt = Number.NEGATIVE_INFINITY;
  #interval = OPEN_RETRY_MS;
  #deadline = NEVER;

  /** @throws SwsError `payload-too-large` */
  constructor(context: ChannelContext, handshakeContext: HandshakeContext, offer: ChannelOffer) {
    this.#context = context;
    this.#handshakeContext = handshakeContext;
    this.#offer = offer;
    this.channelId = context.random(16);
    this.#handshake = this.#newHandshake();
  }

  /** OPEN goes out as soon as this end is connected. */
  begin(nowMs: number): void {
    this.#deadline = nowMs + OPEN_TIMEOUT_MS;
    this.#retryAt = nowMs;
  }

  /** OPEN goes out at `atMs` at the latest: at once where this end has registered (again). */
  retrySoon(atMs: number): void {
    if (Number.isFinite(this.#deadline) && this.#retryAt > atMs) this.#retryAt = atMs;
  }

  /** Frames of the peer have come: one who waits for it tries at once, but once a second: else two who open to each other answer OPEN with OPEN. */
  peerSeen(nowMs: number): void {
    this.retrySoon(Math.max(nowMs, this.#sentAt + OPEN_RETRY_MS));
  }

  /** OPEN, if it is due. */
  nextFrame(nowMs: number): Uint8Array | null {
    if (nowMs < this.#retryAt || nowMs >= this.#deadline) return null;
    this.#sentAt = nowMs;
    this.#retryAt = nowMs + this.#interval;
    this.#interval = Math.min(MAX_OPEN_RETRY_MS, this.#interval * 2);
    return this.#handshake.open;
  }

  /** Opens an ACCEPT, whose keys it gives; `null` if it does not open. */
  receiveAccept(frame: Extract<ChannelFrame, { kind: 2 }>): { keys: ChannelKeys; payload: AcceptPayload } | null {
    return this.#handshake.receiveAccept(frame);
  }

  /** Whether the peer's choice was offered. */
  offered(protocol: string): boolean {
    return protocol === '' || this.#offer.protocols.includes(protocol);
  }

  /** The relay's hint about OPEN: the failure that ends the attempt, or `null` where it goes on. */
  receiveUndeliverable(code: FailureCode, nowMs: number): Failure | null {
    if (code === 'congested') return null;
    if (code !== 'offline' || !this.waits(nowMs)) return { code, detail: `the relay could not deliver OPEN: ${code}` };
    this.#retryAt = nowMs + jitter(this.#context.random, WAIT_RETRY_MIN_MS, WAIT_RETRY_MAX_MS);
    return null;
  }

  /** Whether an absent peer is still waited for. */
  waits(nowMs: number): boolean {
    return nowMs < this.#offer.waitUntilMs;
  }

  /** What `nowMs` ends: `expired`, or `renamed` where the attempt goes on under a new channelId. */
  wake(nowMs: number): 'expired' | 'renamed' | null {
    if (nowMs < this.#deadline) return null;
    if (!this.waits(nowMs)) return 'expired';
    this.#handshake.erase();
    this.channelId = this.#context.random(16);
    this.#handshake = this.#newHandshake();
    this.#deadline = nowMs + OPEN_TIMEOUT_MS;
    this.#interval = OPEN_RETRY_MS;
    return 'renamed';
  }

  /** When `wake` or `nextFrame` is next worth calling, after `nowMs`. What is due already waits for `nextFrame`. */
  wakeAt(nowMs: number): number {
    const sends = this.#context.connected && this.#retryAt > nowMs;
    return sends ? Math.min(this.#deadline, this.#retryAt) : this.#deadline;
  }

  /** Whether a RESET's echo is that of this OPEN. */
  provoked(echo: Uint8Array): boolean {
    return equalBytes(echoOf(this.#context.provider, contentOf(this.#handshake.open)), echo);
  }

  erase(): void {
    this.#handshake.erase();
  }

  #newHandshake(): InitiatorHandshake {
    const { resource, protocols } = this.#offer;
    return new InitiatorHandshake(this.#handshakeContext, this.channelId, {
      resource,
      protocols,
      limit: this.#context.settings.windowBytes,
    });
  }
}
