import type { ChannelCounters } from './channel-context.js';
import type { ProvokingFrame, ResetFrame } from './channel-frame.js';
import type { HandshakeContext } from './handshake.js';
import type { PeerCache } from './peer-cache.js';
import { type FrameName, openReset, type ResetCode, type ResetKeys, sealReset } from './reset.js';

/**
 * The most RESETs and farewells that wait for the transport. Others are dropped; the peer's next frame provokes
 * another.
 */
const MAX_POSTED = 64;

/** Sends and opens RESETs, which belong to no channel. Both cost work, which is limited per peer. */
export class Resets {
  readonly #peers: PeerCache;
  readonly #counters: ChannelCounters;
  #posted: Uint8Array[] = [];

  constructor(peers: PeerCache, counters: ChannelCounters) {
    this.#peers = peers;
    this.#counters = counters;
  }

  /** Answers a frame of a peer with a RESET. */
  answer(peer: Uint8Array, provoking: ProvokingFrame, code: ResetCode, nowMs: number): void {
    const context = this.#peers.admit(peer, nowMs);
    if (context === null) {
      this.#counters.overRate++;
      return;
    }
    this.#counters.resetsSent++;
    const { provider, random } = context;
    this.post(sealReset(provider, resetKeys(context), provoking, code, random(24)));
  }

  /** Opens a RESET of a peer; `null` if it does not open, or too many have arrived. */
  open(peer: Uint8Array, frame: ResetFrame, nowMs: number): { code: ResetCode; name: FrameName } | null {
    const context = this.#peers.admit(peer, nowMs);
    if (context === null) {
      this.#counters.overRate++;
      return null;
    }
    const reset = openReset(context.provider, resetKeys(context), frame);
    if (reset === null) this.#counters.notOpened++;
    return reset;
  }

  /** Queues a frame that outlives its channel. */
  post(message: Uint8Array): void {
    if (this.#posted.length < MAX_POSTED) this.#posted.push(message);
    else this.#counters.overBounds++;
  }

  /** The next frame to send, or `null`. */
  pollFrame(): Uint8Array | null {
    return this.#posted.shift() ?? null;
  }

  /** Drops the waiting frames. */
  clear(): void {
    this.#posted = [];
  }
}

function resetKeys({ sharedStatic, staticKey, peer }: HandshakeContext): ResetKeys {
  return { sharedStatic, self: staticKey.publicKeyBytes(), peer };
}
