import { decodeHex, encodeHex, equalBytes } from '@sws/crypto';
import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import { SwsError } from '../sws-error.js';
import { Admission, MAX_HALF_OPEN } from './admission.js';
import { Attempts } from './attempts.js';
import { Channel } from './channel.js';
import type { ChannelContext, ChannelCounters } from './channel-context.js';
import { KIND, type OpenFrame, parseChannelFrame, type ResetFrame, readU53 } from './channel-frame.js';
import { ChannelIndex, nameOfChannel } from './channel-index.js';
import type { ChannelCommand, ChannelInput } from './channel-phase.js';
import type { AcceptAnswer, ChannelNotice, ChannelRequest, ChannelTableOptions } from './channel-table-options.js';
import { ResponderHandshake } from './handshake.js';
import { type ChannelAccount, DEFAULT_MEMORY_LIMITS } from './memory-budget.js';
import type { ChannelOffer } from './opening.js';
import { Paths } from './paths.js';
import { PeerCache } from './peer-cache.js';
import { PendingOpens } from './pending-opens.js';
import { RESET_CODE } from './reset.js';
import { Resets } from './resets.js';

/** Bounds of one table (PROTOCOL §4, Bounds). */
export const MAX_CHANNELS_PER_PEER = 256;
export const MAX_HALF_OPEN_PER_PEER = 4;
const TOO_MANY: Failure = { code: 'over-limits', detail: `over ${MAX_CHANNELS_PER_PEER} channels with one peer` };

/**
 * All channels of one identity: to which one a frame belongs, what may open, and whose DATA is sent next (PROTOCOL §4).
 * Order: inputs, then `pollEvent` until `null`, then `pollFrame` until `null` or the transport is full, then one timer
 * for `nextWakeAtMs`.
 */
export class ChannelTable {
  readonly counters: ChannelCounters = { malformed: 0, notOpened: 0, overRate: 0, overBounds: 0, resetsSent: 0 };
  readonly #options: ChannelTableOptions;
  readonly #context: ChannelContext & { connected: boolean };
  readonly #channels = new ChannelIndex();
  readonly #peers: PeerCache;
  readonly #paths = new Paths();
  readonly #resets: Resets;
  readonly #admission: Admission;
  /** OPENs whose accept policy answers later. */
  readonly #pending = new PendingOpens();
  readonly #attempts = new Attempts();
  /** Channels with an unanswered PING. */
  readonly #unanswered = new Set<Channel>();
  /** Channels that may have an event. */
  readonly #telling = new Set<Channel>();
  /** Channels that may have a frame to send, in the order of their turns. */
  readonly #turns = new Set<Channel>();
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(options: ChannelTableOptions) {
    const { provider, random, settings } = options;
    this.#options = options;
    this.#peers = new PeerCache(options, options.isKnown);
    this.#resets = new Resets(this.#peers, this.counters);
    this.#admission = new Admission(options.memory ?? DEFAULT_MEMORY_LIMITS);
    const { accepts } = this.#peers;
    const flightTo = (peer: string) => this.#paths.flightTo(peer);
    this.#context = { provider, random, settings, connected: false, accepts, counters: this.counters, flightTo };
  }

  /** When `handleTimeout` is due; infinite for never. */
  get nextWakeAtMs(): number {
    return this.#wakeAtMs;
  }
  /** The number of channels, including tombstones. */
  get size(): number {
    return this.#channels.size;
  }
  /** The memory that peers make this endpoint hold, including windows that they may still fill. */
  get memoryBytes(): number {
    return this.#admission.usedBytes;
  }
  /** When the oldest unanswered PING of any channel was sent, or `null`. */
  get unansweredSinceMs(): number | null {
    let oldest: number | null = null;
    for (const { unansweredSinceMs } of this.#unanswered) {
      if (unansweredSinceMs !== null && (oldest === null || unansweredSinceMs < oldest)) oldest = unansweredSinceMs;
    }
    return oldest;
  }

  /** Opens a channel to a usable key of 32 bytes. @throws SwsError `own-address`, `invalid-offer`, `over-limits` */
  open(peer: Uint8Array, offer: ChannelOffer, nowMs: number): Channel {
    if (equalBytes(peer, this.#options.staticKey.publicKeyBytes()))
      throw new SwsError('own-address', 'cannot connect to your own address');
    if (!this.#makeRoom(encodeHex(peer))) throw new SwsError(TOO_MANY.code, TOO_MANY.detail);
    const context = this.#peers.dial(peer);
    const account = this.#admission.dial(encodeHex(peer), this.#options.settings.windowBytes);
    try {
      const channel = Channel.open(this.#context, context, offer, account);
      this.#channels.add(channel);
      this.#attempts.add(channel);
      this.#startWaiting(nowMs);
      return channel;
    } catch (error) {
      account.release();
      this.#release(encodeHex(peer));
      throw error;
    }
  }

  /** Carries out the application's command for a channel. @throws SwsError as `Channel.handle` */
  handleCommand(channel: Channel, command: ChannelCommand, nowMs: number): void {
    this.#handle(channel, command, nowMs);
  }

  /** The answer of an accept policy that returned `later`; `null` to leave the OPEN unanswered. */
  handleDecision({ peer, channelId }: ChannelRequest, answer: AcceptAnswer | null, nowMs: number): void {
    const key = decodeHex(peer) ?? new Uint8Array(32);
    const content = this.#pending.take(nameOfChannel(key, channelId), nowMs);
    const frame = content === null ? null : parseChannelFrame(content);
    if (content !== null && frame?.kind === 'open' && answer !== null)
      this.#receiveOpen(key, frame, content, nowMs, answer);
  }

  /** A MESSAGE with `content` arrived from `peer`. The caller owns both again when this returns. */
  handleMessage(peer: Uint8Array, content: Uint8Array, nowMs: number): void {
    const frame = parseChannelFrame(content);
    if (frame === null) {
      this.counters.malformed++;
      return;
    }
    const channel = this.#channels.find(peer, frame.channelId);
    if (frame.kind === 'reset') this.#receiveReset(channel, peer, frame, nowMs);
    else if (channel !== undefined) {
      if (!channel.handleFrame(frame, content, nowMs)) this.counters.notOpened++;
      // Answer a refused ACCEPT, so that the half-open peer need not wait for a confirmation.
      else if (frame.kind === 'accept' && channel.phase === 'gone')
        this.#resets.answer(peer, frame, RESET_CODE.refused, nowMs);
      this.#settle(channel, nowMs);
    } else if (frame.kind === 'open') this.#receiveOpen(peer, frame, content, nowMs);
    else this.#resets.answer(peer, frame, RESET_CODE.unknownChannel, nowMs);
    for (const attempt of this.#attempts.to(peer)) this.#handle(attempt, { type: 'peer-seen' }, nowMs);
    this.#refill(nowMs);
    this.#startWaiting(nowMs);
  }

  /** The relay's UNDELIVERABLE: `head` is the first 25 bytes of the content. */
  handleUndeliverable(to: Uint8Array, head: Uint8Array, code: FailureCode, nowMs: number): void {
    if (head.length < 17) return;
    const channel = this.#channels.find(to, head.subarray(1, 17));
    if (channel === undefined) return;
    // Only OPEN fails an attempt, and only DATA has a seq.
    if (channel.phase === 'opening' && head[0] !== KIND.open) return;
    const seq = head[0] === KIND.data && head.length >= 25 ? readU53(head, 17) : null;
    this.#handle(channel, { type: 'undeliverable', code, seq }, nowMs);
    this.#startWaiting(nowMs);
  }

  /** The relay's BACKLOG. */
  handleBacklog(to: string): void {
    this.#paths.slowDown(to);
  }

  /** The relay's PEER_GONE. */
  handlePeerGone(peer: string, nowMs: number): void {
    for (const channel of this.#channels.of(peer)) this.#handle(channel, { type: 'peer-gone' }, nowMs);
  }

  /** This end is registered (again). */
  handleConnected(nowMs: number): void {
    this.#context.connected = true;
    this.#paths.reset();
    this.#handleAll({ type: 'connected' }, nowMs);
  }

  /** This end's connection is lost. */
  handleDisconnected(nowMs: number): void {
    this.#context.connected = false;
    this.#resets.clear();
    this.#handleAll({ type: 'disconnected' }, nowMs);
  }

  /** The connection could not be made. Attempts that do not wait end with this failure. */
  handleConnectionFailed(failure: Failure, nowMs: number): void {
    this.#handleAll({ type: 'connection-failed', failure }, nowMs);
  }

  /** `nextWakeAtMs` has come. */
  handleTimeout(nowMs: number): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    for (const channel of this.#channels.all()) {
      if (channel.nextWakeAtMs > nowMs) this.#plan(channel);
      else {
        const { channelId } = channel;
        channel.handle({ type: 'timeout' }, nowMs);
        if (channel.channelId !== channelId) this.#channels.renamed(channel, channelId);
        this.#settle(channel, nowMs);
      }
    }
    this.#refill(nowMs);
    this.#startWaiting(nowMs);
  }

  /** Ends every channel with 1006 and this failure. */
  abortAll(failure: Failure): void {
    for (const channel of this.#channels.all()) this.#abort(channel, failure);
  }

  /** The next event; `null` for no more. `open` on a channel that the peer opened is an incoming connection. */
  pollEvent(): ChannelNotice | null {
    for (const channel of this.#telling) {
      const event = channel.pollEvent();
      if (event !== null) {
        if (event.type === 'acknowledged' && channel.messages.acknowledged > 0)
          this.#peers.talked(channel.peer, channel.peerAddress);
        return { type: 'channel', channel, event };
      }
      this.#telling.delete(channel);
    }
    return null;
  }

  /** The next frame to send, as of `Channel.pollFrame`, or `null`. Channels take turns. */
  pollFrame(nowMs: number): Uint8Array | null {
    if (!this.#context.connected) return null;
    const reset = this.#resets.pollFrame();
    if (reset !== null) return reset;
    for (const channel of this.#turns) {
      this.#turns.delete(channel);
      const message = channel.pollFrame(nowMs);
      if (message === null) {
        if (this.#paths.holds(channel)) this.#plan(channel);
        continue;
      }
      this.#turns.add(channel);
      this.#plan(channel);
      return message;
    }
    return null;
  }

  /** Whether one more channel with this peer is allowed. If needed, the oldest closed channel is dropped early. */
  #makeRoom(peer: string): boolean {
    const channels = this.#channels.of(peer);
    if (channels.size < MAX_CHANNELS_PER_PEER) return true;
    for (const channel of channels) {
      if (channel.phase !== 'tombstone') continue;
      this.#abort(channel, TOO_MANY);
      return true;
    }
    return false;
  }

  #receiveOpen(peer: Uint8Array, frame: OpenFrame, content: Uint8Array, nowMs: number, decided?: AcceptAnswer): void {
    // A repeated OPEN, whose answer is still pending.
    if (this.#pending.has(nameOfChannel(peer, frame.channelId))) return;
    let halfOpen = 0;
    for (const channel of this.#channels.of(encodeHex(peer))) if (channel.phase === 'half-open') halfOpen++;
    if (halfOpen >= MAX_HALF_OPEN_PER_PEER) {
      this.counters.overBounds++;
      return;
    }
    const context = this.#peers.admit(peer, nowMs);
    if (context === null) {
      this.counters.overRate++;
      return;
    }
    const handshake = ResponderHandshake.receiveOpen(context, frame);
    if (handshake === null) {
      this.counters.notOpened++;
      return;
    }
    try {
      this.#answerOpen(context.peer, frame, content, handshake, nowMs, decided);
    } finally {
      // Refused, without room, or the policy has thrown. Erase the OPEN's secrets.
      handshake.erase();
    }
  }

  #answerOpen(
    peer: Uint8Array,
    frame: OpenFrame,
    content: Uint8Array,
    handshake: ResponderHandshake,
    nowMs: number,
    decided: AcceptAnswer | undefined,
  ): void {
    const address = encodeHex(peer);
    const { resource, protocols } = handshake.payload;
    const channelId = frame.channelId.slice();
    const answer = decided ?? this.#options.accept({ peer: address, resource, protocols, channelId });
    if (answer === 'later') {
      const isKnown = this.#peers.standing(address) === 'known';
      const name = nameOfChannel(peer, channelId);
      if (!this.#pending.add(name, address, isKnown, content, nowMs)) this.counters.overBounds++;
      return;
    }
    if (answer === false) return this.#resets.answer(peer, frame, RESET_CODE.refused, nowMs);
    const account = this.#makeRoom(address) ? this.#accountOf(address) : null;
    if (account === null) {
      this.counters.overBounds++;
      return this.#resets.answer(peer, frame, RESET_CODE.overLimits, nowMs);
    }
    const chosen = answer === true ? '' : (answer.protocol ?? '');
    const protocol = protocols.includes(chosen) ? chosen : '';
    const channel = Channel.accept(this.#context, peer, handshake, content.slice(), protocol, account, nowMs);
    if (channel === null) {
      account.release();
      this.counters.notOpened++;
      return;
    }
    channel.owner = answer === true ? null : answer.owner;
    this.#channels.add(channel);
    this.#settle(channel, nowMs);
    const tooMany = this.#admission.accepted(channel);
    if (tooMany !== null) this.#giveUp(tooMany, `over ${MAX_HALF_OPEN} half-open channels`);
  }

  /** An account for a channel that a peer opens, or `null`. For its first channel, others may be ended. */
  #accountOf(address: string): ChannelAccount | null {
    const standing = this.#peers.standing(address);
    const { windowBytes } = this.#options.settings;
    const account = this.#admission.admit(address, standing, windowBytes);
    if (account !== null || this.#channels.of(address).size > 0) return account;
    for (const oldest of this.#admission.thatGiveWay(standing)) {
      this.#giveUp(oldest, 'no memory for more channels');
      const now = this.#admission.admit(address, standing, windowBytes);
      if (now !== null) return now;
    }
    return null;
  }

  #giveUp(channel: Channel, detail: string): void {
    this.counters.overBounds++;
    this.#abort(channel, { code: 'over-limits', detail });
  }

  #receiveReset(channel: Channel | undefined, peer: Uint8Array, frame: ResetFrame, nowMs: number): void {
    const reset = channel === undefined ? null : this.#resets.open(peer, frame, nowMs);
    if (channel === undefined || reset === null) return;
    if (channel.handleReset(reset.code, reset.name)) this.#settle(channel, nowMs);
    else this.counters.notOpened++;
  }

  #startWaiting(nowMs: number): void {
    for (const channel of this.#attempts.turns(this.#channels)) this.#handle(channel, { type: 'begin' }, nowMs);
  }

  #handleAll(input: ChannelInput, nowMs: number): void {
    for (const channel of this.#channels.all()) this.#handle(channel, input, nowMs);
  }

  #handle(channel: Channel, input: ChannelInput, nowMs: number): void {
    channel.handle(input, nowMs);
    this.#settle(channel, nowMs);
  }

  #abort(channel: Channel, failure: Failure): void {
    channel.abort(failure);
    this.#telling.add(channel);
    this.#forget(channel);
  }

  /** A channel has had an input. Updates the state that it shares with other channels. */
  #settle(channel: Channel, nowMs: number): void {
    this.#telling.add(channel);
    if (channel.phase === 'gone') {
      const farewell = channel.pollFrame(nowMs);
      if (farewell !== null) this.#resets.post(farewell);
      this.#forget(channel);
    } else {
      this.#turns.add(channel);
      this.#plan(channel);
      this.#admission.noticed(channel);
      this.#release(channel.peerAddress);
    }
    this.#refill(nowMs);
  }

  /** If memory was given back, gives it to waiting channels in turn. */
  #refill(nowMs: number): void {
    for (const channel of this.#admission.turns()) this.#handle(channel, { type: 'memory-freed' }, nowMs);
  }

  #forget(channel: Channel): void {
    if (!this.#channels.has(channel)) return;
    for (const part of [this.#channels, this.#unanswered, this.#turns]) part.delete(channel);
    for (const part of [this.#attempts, this.#admission, this.#paths]) part.forget(channel);
    this.#release(channel.peerAddress);
  }

  /** If there is room in the flight to this peer, the channels that waited for it may send. */
  #release(peer: string): void {
    for (const channel of this.#paths.released(peer, this.#channels.of(peer))) this.#turns.add(channel);
  }

  #plan(channel: Channel): void {
    if (channel.unansweredSinceMs === null) this.#unanswered.delete(channel);
    else this.#unanswered.add(channel);
    this.#attempts.noticed(channel);
    this.#wakeAtMs = Math.min(this.#wakeAtMs, channel.nextWakeAtMs);
  }
}
