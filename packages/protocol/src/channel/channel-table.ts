import { type CryptoProvider, encodeHex, equalBytes, type RandomBytes, SwsError } from '@sws/crypto';
import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import { Channel, type ChannelHost } from './channel.js';
import type { ChannelEvent } from './channel-event.js';
import { type ChannelFrame, KIND, parseChannelFrame, readU53 } from './channel-frame.js';
import type { StaticKey } from './channel-keys.js';
import type { ChannelSettings } from './channel-settings.js';
import { type HandshakeContext, ResponderHandshake } from './handshake.js';
import type { ChannelOffer } from './opening.js';
import { Peers } from './peers.js';
import { openReset, RESET_CODE, type ResetCode, type ResetKeys, sealReset } from './reset.js';

/** Bounds of one table (PROTOCOL §4, Bounds). */
export const MAX_CHANNELS_PER_PEER = 256;
export const MAX_HALF_OPEN_PER_PEER = 4;
export const MAX_HALF_OPEN = 1_024;
export const MAX_UNCONFIRMED_PER_PEER = 4;
/** RESETs and last words that wait for the transport; one over it is dropped, and the peer's next frame provokes another. */
const MAX_POSTED = 64;

/** What an accept policy is asked. It runs once per OPEN, may see a replayed one, and must have no effects. */
export interface ChannelRequest {
  /** The peer's address: proven, the OPEN opened under its key. */
  readonly peer: string;
  readonly resource: string;
  readonly protocols: readonly string[];
}

/** Refuses with `false`; chooses a subprotocol with `{ protocol }`, one of those offered or none. */
export type AcceptPolicy = (request: ChannelRequest) => boolean | { readonly protocol?: string };

export interface ChannelTableOptions {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly staticKey: StaticKey;
  readonly settings: ChannelSettings;
  readonly accept: AcceptPolicy;
  /** Called with every event of every channel; `open` on a channel that this end did not initiate is an incoming connection. */
  readonly emit: (channel: Channel, event: ChannelEvent) => void;
}

/** Frames that were dropped, by reason: nothing is dropped silently. */
export interface ChannelCounters {
  malformed: number;
  notOpened: number;
  overRate: number;
  overBounds: number;
  resetsSent: number;
}

/** All channels of one identity: who a frame belongs to, what may open, and whose DATA goes next (PROTOCOL §4). */
export class ChannelTable {
  readonly counters: ChannelCounters = { malformed: 0, notOpened: 0, overRate: 0, overBounds: 0, resetsSent: 0 };
  readonly #options: ChannelTableOptions;
  readonly #host: ChannelHost;
  readonly #channels = new Map<string, Channel>();
  readonly #byPeer = new Map<string, Set<Channel>>();
  readonly #peers: Peers;
  readonly #halfOpen = new Set<Channel>();
  /** Attempts that have no ACCEPT yet. */
  readonly #opening = new Set<Channel>();
  /** Channels with a PING that is unanswered. */
  readonly #unanswered = new Set<Channel>();
  /** Whom the last frame was for: the next mostly is too, and is found without making a key. */
  #last: Channel | null = null;
  /** Channels that may have a frame to send, in the order of their turns. */
  readonly #turns = new Set<Channel>();
  /** Frames of no channel: RESETs, and the last words of channels given up. */
  #posted: Uint8Array[] = [];
  /** Attempts beyond four unconfirmed to a peer, in order. */
  #waiting: Channel[] = [];
  #connected = false;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(options: ChannelTableOptions) {
    this.#options = options;
    this.#peers = new Peers(options);
    this.#host = this.#makeHost();
  }

  /** When `wake` is due, or `null`. */
  get wakeAtMs(): number | null {
    return Number.isFinite(this.#wakeAtMs) ? this.#wakeAtMs : null;
  }
  /** Channels that exist, tombstones included. */
  get size(): number {
    return this.#channels.size;
  }
  /** Since when the longest-waiting PING of any channel is unanswered, or `null`. */
  get unansweredSinceMs(): number | null {
    let oldest: number | null = null;
    for (const { unansweredSinceMs } of this.#unanswered) {
      if (unansweredSinceMs !== null && (oldest === null || unansweredSinceMs < oldest)) oldest = unansweredSinceMs;
    }
    return oldest;
  }
  /** The peers that live channels go to. */
  get peers(): Iterable<string> {
    return this.#byPeer.keys();
  }

  /** Opens a channel to `peer` (32 bytes, a usable public key). @throws SwsError `bad-address` for oneself, `payload-too-large`, `over-limits` */
  open(peer: Uint8Array, offer: ChannelOffer, nowMs: number): Channel {
    if (equalBytes(peer, this.#options.staticKey.publicKeyBytes()))
      throw new SwsError('bad-address', 'a channel to oneself');
    if (!this.#makeRoom(encodeHex(peer)))
      throw new SwsError('over-limits', `over ${MAX_CHANNELS_PER_PEER} channels with one peer`);
    const channel = Channel.open(this.#host, this.#peers.context(peer), offer);
    this.#add(channel);
    this.#waiting.push(channel);
    this.#startWaiting(nowMs);
    return channel;
  }

  /** A MESSAGE arrived: `content` from `peer`. Both are the caller's again when this returns. */
  receive(peer: Uint8Array, content: Uint8Array, nowMs: number): void {
    const frame = parseChannelFrame(content);
    if (frame === null) {
      this.counters.malformed++;
      return;
    }
    const channel = this.#find(peer, frame.channelId);
    if (frame.kind === KIND.reset) this.#receiveReset(channel, peer, frame, nowMs);
    else if (channel !== undefined) {
      if (!channel.receive(frame, content, nowMs)) this.counters.notOpened++;
    } else if (frame.kind === KIND.open) this.#receiveOpen(peer, frame, content, nowMs);
    else this.#reset(peer, frame.channelId, RESET_CODE.unknownChannel, content, nowMs);
    for (const attempt of this.#opening) if (equalBytes(attempt.peer, peer)) attempt.peerSeen(nowMs);
    this.#startWaiting(nowMs);
  }

  /** The relay's UNDELIVERABLE: `head` is the first 25 bytes of the content. */
  receiveUndeliverable(to: Uint8Array, head: Uint8Array, code: FailureCode, nowMs: number): void {
    if (head.length < 17) return;
    const channel = this.#find(to, head.subarray(1, 17));
    if (channel === undefined) return;
    // Only OPEN fails an attempt, and only DATA has a seq.
    if (channel.phase === 'opening' && head[0] !== KIND.open) return;
    const seq =
      head[0] === KIND.data && head.length >= 25 ? readU53(new DataView(head.buffer, head.byteOffset), 17) : null;
    channel.receiveUndeliverable(code, seq, nowMs);
    this.#startWaiting(nowMs);
  }

  /** The relay's PEER_GONE. */
  peerGone(peer: string, nowMs: number): void {
    for (const channel of this.#byPeer.get(peer) ?? []) channel.peerGone(nowMs);
  }

  /** The next frame to send, channels in turn: a whole binary MESSAGE that must not be changed, or `null`. */
  nextFrame(nowMs: number): Uint8Array | null {
    if (!this.#connected) return null;
    const posted = this.#posted.shift();
    if (posted !== undefined) return posted;
    for (const channel of this.#turns) {
      this.#turns.delete(channel);
      const message = channel.nextFrame(nowMs);
      if (message === null) continue;
      this.#turns.add(channel);
      this.#plan(channel);
      return message;
    }
    return null;
  }

  connected(nowMs: number): void {
    this.#connected = true;
    for (const channel of [...this.#channels.values()]) channel.connected(nowMs);
  }

  disconnected(nowMs: number): void {
    this.#connected = false;
    this.#posted = [];
    for (const channel of [...this.#channels.values()]) channel.disconnected(nowMs);
  }

  /** The connection could not be made: attempts that do not wait end with this failure. */
  connectionFailed(failure: Failure, nowMs: number): void {
    for (const channel of [...this.#channels.values()]) channel.connectionFailed(failure, nowMs);
  }

  /** Every channel ends with 1006 and this failure. */
  abortAll(failure: Failure): void {
    for (const channel of [...this.#channels.values()]) channel.abort(failure);
  }

  wake(nowMs: number): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    for (const channel of [...this.#channels.values()]) {
      if (channel.wakeAtMs <= nowMs) channel.wake(nowMs);
      else this.#plan(channel);
    }
    this.#startWaiting(nowMs);
  }

  /** Whether one more channel with this peer fits: the oldest that has closed lets go early if it must. */
  #makeRoom(peer: string): boolean {
    const channels = this.#byPeer.get(peer);
    if (channels === undefined || channels.size < MAX_CHANNELS_PER_PEER) return true;
    for (const channel of channels) {
      if (channel.phase !== 'tombstone') continue;
      channel.abort({ code: 'over-limits', detail: `over ${MAX_CHANNELS_PER_PEER} channels with one peer` });
      return true;
    }
    return false;
  }

  #find(peer: Uint8Array, channelId: Uint8Array): Channel | undefined {
    const last = this.#last;
    if (last !== null && equalBytes(last.channelId, channelId) && equalBytes(last.peer, peer)) return last;
    const channel = this.#channels.get(keyOf(peer, channelId));
    if (channel !== undefined) this.#last = channel;
    return channel;
  }

  #makeHost(): ChannelHost {
    const table = this;
    const { provider, random, settings } = this.#options;
    return {
      provider,
      random,
      settings,
      get connected() {
        return table.#connected;
      },
      emit: (channel, event) => this.#emit(channel, event),
      touched: (channel) => this.#touched(channel),
      post: (message) => this.#post(message),
      forget: (channel) => this.#forget(channel),
      renamed: (channel, before) => {
        this.#channels.delete(keyOf(channel.peer, before));
        this.#channels.set(keyOf(channel.peer, channel.channelId), channel);
      },
    };
  }

  #receiveOpen(peer: Uint8Array, frame: Extract<ChannelFrame, { kind: 1 }>, content: Uint8Array, nowMs: number): void {
    const address = encodeHex(peer);
    const channels = this.#byPeer.get(address);
    let halfOpen = 0;
    for (const channel of channels ?? []) if (channel.phase === 'half-open') halfOpen++;
    if (halfOpen >= MAX_HALF_OPEN_PER_PEER) {
      this.counters.overBounds++;
      return;
    }
    const context = this.#admit(peer, nowMs);
    if (context === null) return;
    const handshake = ResponderHandshake.receiveOpen(context, frame);
    if (handshake === null) {
      this.counters.notOpened++;
      return;
    }
    if (!this.#makeRoom(address)) {
      this.counters.overBounds++;
      this.#reset(peer, frame.channelId, RESET_CODE.overLimits, content, nowMs);
      return;
    }
    const { resource, protocols } = handshake.payload;
    const answer = this.#options.accept({ peer: address, resource, protocols });
    if (answer === false) {
      this.#reset(peer, frame.channelId, RESET_CODE.refused, content, nowMs);
      return;
    }
    const chosen = answer === true ? '' : (answer.protocol ?? '');
    const protocol = protocols.includes(chosen) ? chosen : '';
    const channel = Channel.accept(
      this.#host,
      context,
      frame.channelId.slice(),
      handshake,
      content.slice(),
      protocol,
      nowMs,
    );
    if (channel === null) {
      this.counters.notOpened++;
      return;
    }
    this.#add(channel);
    this.#halfOpen.add(channel);
    if (this.#halfOpen.size > MAX_HALF_OPEN) {
      for (const oldest of this.#halfOpen) {
        this.counters.overBounds++;
        oldest.abort({ code: 'over-limits', detail: `over ${MAX_HALF_OPEN} half-open channels` });
        break;
      }
    }
  }

  #receiveReset(
    channel: Channel | undefined,
    peer: Uint8Array,
    frame: Extract<ChannelFrame, { kind: 5 }>,
    nowMs: number,
  ): void {
    if (channel === undefined) return;
    const context = this.#admit(peer, nowMs);
    if (context === null) return;
    const reset = openReset(context.provider, resetKeys(context), frame);
    if (reset === null || !channel.receiveReset(reset.code, reset.echo)) this.counters.notOpened++;
  }

  #reset(peer: Uint8Array, channelId: Uint8Array, code: ResetCode, provoking: Uint8Array, nowMs: number): void {
    const context = this.#admit(peer, nowMs);
    if (context === null) return;
    this.counters.resetsSent++;
    const { provider, random } = context;
    this.#post(sealReset(provider, resetKeys(context), channelId, code, provoking, random(24)));
  }

  #post(message: Uint8Array): void {
    if (this.#posted.length < MAX_POSTED) this.#posted.push(message);
    else this.counters.overBounds++;
  }

  #admit(peer: Uint8Array, nowMs: number): HandshakeContext | null {
    const context = this.#peers.admit(peer, nowMs);
    if (context === null) this.counters.overRate++;
    return context;
  }

  #startWaiting(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    const unconfirmed = new Map<string, number>();
    for (const channel of this.#channels.values()) {
      if (
        channel.initiator &&
        !channel.confirmed &&
        channel.phase !== 'tombstone' &&
        !this.#waiting.includes(channel)
      ) {
        unconfirmed.set(channel.peerAddress, (unconfirmed.get(channel.peerAddress) ?? 0) + 1);
      }
    }
    this.#waiting = this.#waiting.filter((channel) => {
      const count = unconfirmed.get(channel.peerAddress) ?? 0;
      if (count >= MAX_UNCONFIRMED_PER_PEER) return true;
      unconfirmed.set(channel.peerAddress, count + 1);
      channel.begin(nowMs);
      return false;
    });
  }

  #add(channel: Channel): void {
    this.#channels.set(keyOf(channel.peer, channel.channelId), channel);
    const channels = this.#byPeer.get(channel.peerAddress);
    if (channels === undefined) this.#byPeer.set(channel.peerAddress, new Set([channel]));
    else channels.add(channel);
    if (channel.initiator) this.#opening.add(channel);
    this.#plan(channel);
  }

  #forget(channel: Channel): void {
    this.#channels.delete(keyOf(channel.peer, channel.channelId));
    if (this.#last === channel) this.#last = null;
    for (const set of [this.#halfOpen, this.#opening, this.#unanswered, this.#turns]) set.delete(channel);
    if (this.#waiting.includes(channel)) this.#waiting = this.#waiting.filter((other) => other !== channel);
    const channels = this.#byPeer.get(channel.peerAddress);
    channels?.delete(channel);
    if (channels?.size === 0) this.#byPeer.delete(channel.peerAddress);
  }

  #emit(channel: Channel, event: ChannelEvent): void {
    if (event.type === 'open') this.#halfOpen.delete(channel);
    this.#options.emit(channel, event);
  }

  #touched(channel: Channel): void {
    this.#turns.add(channel);
    this.#plan(channel);
  }

  #plan(channel: Channel): void {
    if (channel.unansweredSinceMs === null) this.#unanswered.delete(channel);
    else this.#unanswered.add(channel);
    if (channel.phase !== 'opening') this.#opening.delete(channel);
    this.#wakeAtMs = Math.min(this.#wakeAtMs, channel.wakeAtMs);
  }
}

function resetKeys({ sharedStatic, staticKey, peer }: HandshakeContext): ResetKeys {
  return { sharedStatic, self: staticKey.publicKeyBytes(), peer };
}

/** A channel is known by its peer and its id together. */
function keyOf(peer: Uint8Array, channelId: Uint8Array): string {
  return String.fromCharCode(...peer, ...channelId);
}
