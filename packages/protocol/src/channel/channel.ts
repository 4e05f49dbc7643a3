import { encodeHex, SwsError } from '@sws/crypto';
import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import { encodeUtf8 } from '../utf8.js';
import { abnormalEnd, type ChannelEvent } from './channel-event.js';
import type { ChannelFrame } from './channel-frame.js';
import type { ChannelContext } from './channel-settings.js';
import { isSendableCloseCode, MAX_REASON_BYTES } from './close-status.js';
import { OPCODE } from './data.js';
import type { HandshakeContext, ResponderHandshake } from './handshake.js';
import { type ChannelOffer, OPEN_TIMEOUT_MS, Opening } from './opening.js';
import { Outgoing } from './outgoing.js';
import { RESET_CODE, type ResetCode } from './reset.js';
import { Session } from './session.js';

/** What a channel needs of the table it lives in. */
export interface ChannelHost extends ChannelContext {
  emit(channel: Channel, event: ChannelEvent): void;
  /** Something has changed: the channel may have a frame to send, and its `wakeAtMs` may be another. */
  touched(channel: Channel): void;
  /** An attempt goes on under a new channelId. */
  renamed(channel: Channel, before: Uint8Array): void;
  /** A frame for the peer that outlives its channel. */
  post(message: Uint8Array): void;
  /** The channel is over, tombstone included. */
  forget(channel: Channel): void;
}

const NEVER = Number.POSITIVE_INFINITY;
const RESET_FAILURES = {
  [RESET_CODE.unknownChannel]: {
    code: 'unknown-channel',
    detail: 'the peer has restarted',
  },
  [RESET_CODE.refused]: { code: 'refused', detail: 'the peer refused' },
  [RESET_CODE.overLimits]: { code: 'over-limits', detail: 'the peer has no room' },
} as const satisfies Record<ResetCode, Failure>;

/**
 * One channel: a WebSocket between two keys (PROTOCOL §4). It does no I/O: every input carries `nowMs`, frames are taken
 * by `nextFrame`, and `wakeAtMs` says when it wants `wake`. What the peer sends never throws; a wrong call does.
 */
export class Channel {
  readonly peer: Uint8Array;
  readonly peerAddress: string;
  readonly initiator: boolean;
  readonly resource: string;
  /** The subprotocols that the initiator offered. */
  readonly protocols: readonly string[];
  /** The subprotocol both ends agreed on; empty for none, and until open. */
  protocol = '';
  channelId: Uint8Array;
  /** When `wake` is due; infinite for never. */
  wakeAtMs = NEVER;
  readonly #host: ChannelHost;
  /** What is to be sent, before the channel opens too. */
  readonly #outgoing: Outgoing;
  /** `null` once the channel is over. */
  #state: Opening | Session | null;

  private constructor(
    host: ChannelHost,
    peer: Uint8Array,
    channelId: Uint8Array,
    initiator: boolean,
    { resource, protocols }: Pick<ChannelOffer, 'resource' | 'protocols'>,
    state: Opening | null,
  ) {
    this.#host = host;
    this.peer = peer;
    this.peerAddress = encodeHex(peer);
    this.channelId = channelId;
    this.initiator = initiator;
    this.resource = resource;
    this.protocols = protocols;
    this.#outgoing = new Outgoing(host.settings.padding);
    this.#state = state;
  }

  /**
   * A channel that waits for `begin`. While `nowMs` is below `waitUntilMs` an offline peer does not end the attempt:
   * OPEN is repeated, under a new channelId every 45 s. @throws SwsError `payload-too-large`
   */
  static open(host: ChannelHost, context: HandshakeContext, offer: ChannelOffer): Channel {
    const opening = new Opening(host, context, offer);
    return new Channel(host, context.peer, opening.channelId, true, offer, opening);
  }

  /** Accepts an OPEN that the policy let through: ACCEPT goes out. `null` if the OPEN's keys fail their input checks. `open` is kept. */
  static accept(
    host: ChannelHost,
    context: HandshakeContext,
    channelId: Uint8Array,
    handshake: ResponderHandshake,
    open: Uint8Array,
    protocol: string,
    nowMs: number,
  ): Channel | null {
    const accepted = handshake.accept({ protocol, limit: host.settings.windowBytes });
    if (accepted === null) return null;
    const { payload } = handshake;
    const channel = new Channel(host, context.peer, channelId, false, payload, null);
    channel.protocol = protocol;
    const frames = { open, accept: accepted.accept };
    channel.#outgoing.grant(payload.limit);
    channel.#state = Session.responded(host, accepted.keys, channel.#outgoing, frames, nowMs);
    channel.#touched(nowMs);
    return channel;
  }

  get phase(): 'opening' | Session['phase'] {
    return this.#state?.phase ?? 'gone';
  }
  /** Whether the far end has confirmed the channel: a frame of it has opened. */
  get confirmed(): boolean {
    return this.#state instanceof Session && this.#state.confirmed;
  }
  /** Application bytes sent and not yet acknowledged by the peer's process. */
  get bufferedAmount(): number {
    return this.#outgoing.bufferedAmount;
  }
  /** Messages given to `send`, and those of them that the peer's process has taken. */
  get messages(): { readonly queued: number; readonly acknowledged: number } {
    return { queued: this.#outgoing.messagesQueued, acknowledged: this.#outgoing.messagesAcknowledged };
  }
  /** When the first PING went out that is still unanswered, or `null`: after 3 s the connection itself is probed. */
  get unansweredSinceMs(): number | null {
    return this.#state instanceof Session ? this.#state.unansweredSinceMs : null;
  }

  /** Begins a waiting channel: OPEN goes out as soon as the host is connected. */
  begin(nowMs: number): void {
    if (!(this.#state instanceof Opening)) return;
    this.#state.begin(nowMs);
    this.#touched(nowMs);
  }

  /** Queues a message; owns `data` from here. @throws SwsError `invalid-state` after close. */
  send(data: string | Uint8Array, nowMs: number): void {
    const state = this.#state;
    if (state === null || (state instanceof Session && !state.writable))
      throw new SwsError('invalid-state', 'the channel is closing or closed');
    if (typeof data === 'string') this.#outgoing.enqueue(OPCODE.text, encodeUtf8(data));
    else this.#outgoing.enqueue(OPCODE.binary, data);
    this.#touched(nowMs);
  }

  /** Closes behind all queued messages. 1005 with an empty reason stands for none. @throws SwsError `invalid-state` for a code or reason that can't be sent. */
  close(code: number, reason: string, nowMs: number): void {
    if ((code !== 1005 || reason !== '') && !isSendableCloseCode(code))
      throw new SwsError('invalid-state', `close code ${code} may not be sent`);
    if (encodeUtf8(reason).length > MAX_REASON_BYTES)
      throw new SwsError('invalid-state', `a close reason is over ${MAX_REASON_BYTES} bytes`);
    if (this.#state instanceof Opening || this.#state?.phase === 'half-open')
      return this.abort({ code: 'invalid-state', detail: 'closed before it was open' });
    this.#state?.close({ code, reason }, nowMs);
    this.#touched(nowMs);
  }

  /** Ends at once with 1006, telling the peer nothing: it learns by RESET, when it next sends, or by time. */
  abort(failure: Failure): void {
    const state = this.#state;
    if (state === null) return;
    if (state instanceof Session) state.abort(failure);
    else {
      this.#host.emit(this, { type: 'close', end: abnormalEnd(failure) });
      state.erase();
      this.#outgoing.clear();
    }
    this.#tell(state);
    this.#forget();
  }

  /** As `abort`, but the peer learns soon: a last question goes out, whose answer earns it a RESET. */
  terminate(failure: Failure, nowMs: number): void {
    const lastWord = this.#state instanceof Session && this.#host.connected ? this.#state.lastWord(nowMs) : null;
    if (lastWord !== null) this.#host.post(lastWord);
    this.abort(failure);
  }

  /** Asks the peer's process for a sign of life; the event `pong` tells that it came. */
  ping(nowMs: number): void {
    if (this.#state instanceof Session) this.#state.ping(nowMs);
    this.#touched(nowMs);
  }

  /** The application has taken the oldest message emitted: its credit goes back to the peer. */
  delivered(nowMs: number): void {
    if (!(this.#state instanceof Session)) return;
    this.#state.delivered(nowMs);
    this.#touched(nowMs);
  }

  /** The next frame to send, as a whole binary MESSAGE, or `null`. The channel keeps it until acknowledged: it must not be changed. */
  nextFrame(nowMs: number): Uint8Array | null {
    const message = this.#state?.nextFrame(nowMs) ?? null;
    if (message !== null) this.#schedule(nowMs);
    return message;
  }

  /** A frame of this channel arrived. RESET goes to `receiveReset`. False for an ACCEPT, DATA or CONTROL that did not open. */
  receive(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean {
    const state = this.#state;
    let opened = true;
    if (state instanceof Session) opened = state.receive(frame, content, nowMs);
    else if (state !== null && frame.kind === 2) opened = this.#receiveAccept(state, frame, nowMs);
    this.#touched(nowMs);
    return opened;
  }

  /** A RESET that opened arrived: it counts only if it echoes something of ours that is still pending. */
  receiveReset(code: ResetCode, echo: Uint8Array): boolean {
    if (this.#state === null || !this.#state.provoked(echo)) return false;
    this.abort(RESET_FAILURES[code]);
    return true;
  }

  /** The relay's hint about a frame of ours: it retries or probes, never closes an open channel. `seq` is that of DATA. */
  receiveUndeliverable(code: FailureCode, seq: number | null, nowMs: number): void {
    const state = this.#state;
    if (state instanceof Opening) {
      const failure = state.receiveUndeliverable(code, nowMs);
      if (failure !== null) return this.abort(failure);
    } else if (code !== 'congested') state?.receiveUndeliverable(null, nowMs);
    else if (seq !== null) state?.receiveUndeliverable(seq, nowMs);
    this.#touched(nowMs);
  }

  /** The relay says the peer is gone: a hint, so the channel probes. */
  peerGone(nowMs: number): void {
    if (this.#state instanceof Session) this.#state.peerGone(nowMs);
    this.#touched(nowMs);
  }

  /** Some frame of the peer arrived: one who waits for it tries at once. */
  peerSeen(nowMs: number): void {
    if (!(this.#state instanceof Opening)) return;
    this.#state.peerSeen(nowMs);
    this.#touched(nowMs);
  }

  /** The connection could not be made or registered: an attempt that does not wait ends. */
  connectionFailed(failure: Failure, nowMs: number): void {
    if (this.#state instanceof Opening && !this.#state.waits(nowMs)) this.abort(failure);
  }

  /** This end is registered (again). */
  connected(nowMs: number): void {
    if (this.#state instanceof Opening) this.#state.retrySoon(nowMs);
    else this.#state?.connected(nowMs);
    this.#touched(nowMs);
  }

  /** This end's connection is lost. */
  disconnected(nowMs: number): void {
    if (this.#state instanceof Session) this.#state.disconnected(nowMs);
    this.#touched(nowMs);
  }

  /** Ends what is over at `nowMs`; frames that are due then are taken by `nextFrame`. */
  wake(nowMs: number): void {
    const state = this.#state;
    if (state instanceof Session) state.wake(nowMs);
    else if (state !== null) {
      const change = state.wake(nowMs);
      if (change === 'expired')
        return this.abort({ code: 'open-timeout', detail: `no answer to OPEN within ${OPEN_TIMEOUT_MS} ms` });
      if (change === 'renamed') {
        const before = this.channelId;
        this.channelId = state.channelId;
        this.#host.renamed(this, before);
      }
    }
    this.#touched(nowMs);
  }

  #receiveAccept(opening: Opening, frame: Extract<ChannelFrame, { kind: 2 }>, nowMs: number): boolean {
    const accepted = opening.receiveAccept(frame);
    if (accepted === null) return false;
    const { keys, payload } = accepted;
    if (!opening.offered(payload.protocol)) {
      keys.erase();
      this.abort({ code: 'handshake-failed', detail: 'the peer chose a subprotocol not offered' });
      return true;
    }
    this.protocol = payload.protocol;
    this.#outgoing.grant(payload.limit);
    this.#state = Session.initiated(this.#host, keys, this.#outgoing, nowMs);
    return true;
  }

  #tell(state: Opening | Session | null): void {
    if (state instanceof Session) for (const event of state.take()) this.#host.emit(this, event);
  }

  #forget(): void {
    if (this.#state === null) return;
    this.#state = null;
    this.wakeAtMs = NEVER;
    this.#host.forget(this);
  }

  #touched(nowMs: number): void {
    this.#tell(this.#state);
    if (this.#state?.phase === 'gone') this.#forget();
    if (this.#state === null) return;
    this.#schedule(nowMs);
    this.#host.touched(this);
  }

  #schedule(nowMs: number): void {
    this.wakeAtMs = this.#state?.wakeAt(nowMs) ?? NEVER;
  }
}
