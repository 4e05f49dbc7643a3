import { type CryptoProvider, encodeHex, equalBytes, type RandomBytes, SwsError } from '@sws/crypto';
import type { FailureCode } from '../failures.js';
import type { Failure } from '../result.js';
import { encodeUtf8 } from '../utf8.js';
import { type ChannelFrame, contentOf } from './channel-frame.js';
import type { ChannelKeys } from './channel-keys.js';
import { type CloseStatus, encodeClose, isSendableCloseCode, MAX_REASON_BYTES } from './close-status.js';
import { CONTROL_TYPE, type ControlType, decodeControl, encodeControl } from './control.js';
import { OPCODE } from './data.js';
import { type HandshakeContext, InitiatorHandshake, type ResponderHandshake } from './handshake.js';
import { Incoming, type Taken } from './incoming.js';
import { Outgoing } from './outgoing.js';
import type { Padding } from './padding.js';
import { Probe } from './probe.js';
import { RekeySchedule } from './rekey-schedule.js';
import { echoOf, RESET_CODE, type ResetCode } from './reset.js';

/** Settings of one channel; every time is in milliseconds. */
export interface ChannelSettings {
  /** The credit granted to the peer. @defaultValue 1 MiB, at least 65,536 */
  readonly windowBytes: number;
  /** The largest message taken; above it the channel fails with 1009. @defaultValue 16 MiB */
  readonly maxMessageBytes: number;
  /** How long a separation may last. @defaultValue 60,000 */
  readonly resumeTimeoutMs: number;
  /** @defaultValue `padme` */
  readonly padding: Padding;
}

export const DEFAULT_CHANNEL_SETTINGS: ChannelSettings = {
  windowBytes: 1_048_576,
  maxMessageBytes: 16 * 1_048_576,
  resumeTimeoutMs: 60_000,
  padding: 'padme',
};

/** OPEN is repeated for at most this long. */
export const OPEN_TIMEOUT_MS = 45_000;
/** A responder keeps an unconfirmed channel at most this long. */
export const HALF_OPEN_TIMEOUT_MS = 60_000;
const OPEN_RETRY_MS = 1_000;
const MAX_OPEN_RETRY_MS = 8_000;
const WAIT_RETRY_MIN_MS = 2_000;
const WAIT_RETRY_MAX_MS = 60_000;
const ACK_DELAY_MS = 50;
const MIN_RESEND_MS = 200;
const RESUME_REPEAT_MS = 1_000;
const CONGESTED_MIN_MS = 100;
const CONGESTED_MAX_MS = 5_000;
const REMEMBERED_CONTROLS = 16;

/** How a channel ended. Only an authenticated close frame sets code and reason; all else is 1006 with a `failure`. */
export interface ChannelEnd {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly failure: Failure | null;
}

/** What a channel tells the application's side. */
export type ChannelEvent =
  | { readonly type: 'open' }
  | { readonly type: 'message'; readonly data: string | Uint8Array }
  | { readonly type: 'acknowledged' }
  | { readonly type: 'interrupted' }
  | { readonly type: 'resumed' }
  | { readonly type: 'close'; readonly end: ChannelEnd };

/** What the initiator offers. */
export interface ChannelOffer {
  readonly resource: string;
  readonly protocols: readonly string[];
  /** Until when an absent peer is waited for; 0 to fail at once. */
  readonly waitUntilMs: number;
}

/** What a channel needs of the table it lives in. */
export interface ChannelHost {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly settings: ChannelSettings;
  /** Whether this end is registered: without it nothing is sent and no PING is due. */
  readonly connected: boolean;
  send(message: Uint8Array): void;
  emit(channel: Channel, event: ChannelEvent): void;
  /** An attempt goes on under a new channelId. */
  renamed(channel: Channel, before: Uint8Array): void;
  /** The channel is over, tombstone included. */
  forget(channel: Channel): void;
}

/** The phases of a channel; each holds only what it has (PROTOCOL §4, Channel states). */
type Phase =
  | {
      readonly phase: 'opening';
      handshake: InitiatorHandshake;
      retryAt: number;
      interval: number;
      deadline: number;
      readonly waitUntil: number;
    }
  | {
      readonly phase: 'half-open';
      readonly open: Uint8Array;
      readonly accept: Uint8Array;
      readonly keys: ChannelKeys;
      readonly outgoing: Outgoing;
      readonly deadline: number;
    }
  | { readonly phase: 'open'; readonly keys: ChannelKeys; readonly outgoing: Outgoing }
  | { readonly phase: 'tombstone'; readonly keys: ChannelKeys; readonly outgoing: Outgoing; readonly until: number }
  | { readonly phase: 'gone' };

/** A full-jitter delay between `min` and `max` (integer milliseconds). */
export function jitter(random: RandomBytes, min: number, max: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return Math.floor(min + ((max - min) * (((a << 24) | (b << 16) | (c << 8) | d) >>> 0)) / 2 ** 32);
}

/**
 * One channel: a WebSocket between two keys (PROTOCOL §4). It does no I/O: every input carries `nowMs`, frames leave
 * through its host, and `wakeAtMs` says when it wants `wake`. What the peer sends never throws; a wrong call does.
 */
export class Channel {
  readonly peer: Uint8Array;
  readonly peerAddress: string;
  readonly initiator: boolean;
  readonly resource: string;
  /** The subprotocol both ends agreed on; empty for none, and until open. */
  protocol = '';
  channelId: Uint8Array;
  /** When `wake` is due, or `null`. */
  wakeAtMs: number | null = null;
  readonly #host: ChannelHost;
  readonly #incoming: Incoming;
  readonly #probe: Probe;
  readonly #rekey = new RekeySchedule();
  #state: Phase;
  /** Messages sent before the channel opened. */
  #early: { readonly opcode: typeof OPCODE.text | typeof OPCODE.binary; readonly bytes: Uint8Array }[] = [];
  #earlyBytes = 0;
  readonly #protocols: readonly string[];
  readonly #context: HandshakeContext;
  #closeRequested: CloseStatus | null = null;
  #closeDeadline = Number.POSITIVE_INFINITY;
  #failed = false;
  #ended = false;
  #ackAt = Number.POSITIVE_INFINITY;
  #ackedLimit: number;
  #takenSinceAck = 0;
  #resendAt = Number.POSITIVE_INFINITY;
  #lastPassAt = Number.NEGATIVE_INFINITY;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #gap: { seq: number; sentAt: number } | null = null;
  #lastTakenAt = Number.NEGATIVE_INFINITY;
  #interrupted = false;
  #recentControls: Uint8Array[] = [];

  private constructor(
    host: ChannelHost,
    context: HandshakeContext,
    channelId: Uint8Array,
    initiator: boolean,
    resource: string,
    protocols: readonly string[],
    state: Phase,
  ) {
    this.#host = host;
    this.#context = context;
    this.peer = context.peer;
    this.peerAddress = encodeHex(context.peer);
    this.channelId = channelId;
    this.initiator = initiator;
    this.resource = resource;
    this.#protocols = protocols;
    this.#state = state;
    this.#incoming = new Incoming(host.settings.windowBytes, host.settings.maxMessageBytes);
    this.#ackedLimit = this.#incoming.limit;
    this.#probe = new Probe(host.random);
  }

  /**
   * A channel that waits for `begin`. While `nowMs` is below `waitUntilMs` an offline peer does not end the attempt:
   * OPEN is repeated, under a new channelId every 45 s. @throws SwsError `payload-too-large`
   */
  static open(host: ChannelHost, context: HandshakeContext, offer: ChannelOffer): Channel {
    const channelId = host.random(16);
    const handshake = new InitiatorHandshake(context, channelId, {
      resource: offer.resource,
      protocols: offer.protocols,
      limit: host.settings.windowBytes,
    });
    const never = Number.POSITIVE_INFINITY;
    const state: Phase = {
      phase: 'opening',
      handshake,
      retryAt: never,
      interval: OPEN_RETRY_MS,
      deadline: never,
      waitUntil: offer.waitUntilMs,
    };
    return new Channel(host, context, channelId, true, offer.resource, offer.protocols, state);
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
    const { resource, protocols, limit } = handshake.payload;
    const outgoing = new Outgoing(host.settings.padding, limit);
    const state: Phase = {
      phase: 'half-open',
      open,
      accept: accepted.accept,
      keys: accepted.keys,
      outgoing,
      deadline: nowMs + HALF_OPEN_TIMEOUT_MS,
    };
    const channel = new Channel(host, context, channelId, false, resource, protocols, state);
    channel.protocol = protocol;
    host.send(accepted.accept);
    channel.#schedule(nowMs);
    return channel;
  }

  /** Begins a waiting channel: OPEN goes out as soon as the host is connected. */
  begin(nowMs: number): void {
    const state = this.#state;
    if (state.phase !== 'opening') return;
    state.deadline = nowMs + OPEN_TIMEOUT_MS;
    state.retryAt = nowMs;
    this.wake(nowMs);
  }

  /** Some frame of the peer arrived: one who waits for it tries at once. */
  peerSeen(nowMs: number): void {
    const state = this.#state;
    if (state.phase !== 'opening' || state.retryAt <= nowMs + OPEN_RETRY_MS || !Number.isFinite(state.retryAt)) return;
    state.retryAt = nowMs;
    this.wake(nowMs);
  }

  /** The connection could not be made or registered: an attempt that does not wait ends. */
  connectionFailed(failure: Failure, nowMs: number): void {
    if (this.#state.phase === 'opening' && nowMs >= this.#state.waitUntil) this.abort(failure);
  }

  get phase(): Phase['phase'] {
    return this.#state.phase;
  }
  /** Whether the far end has confirmed the channel: for an initiator, a CONTROL has opened. */
  get confirmed(): boolean {
    const state = this.#state;
    return state.phase === 'open' && (!this.initiator || this.#probe.confirmed);
  }
  /** Application bytes sent and not yet acknowledged by the peer's process. */
  get bufferedAmount(): number {
    const state = this.#state;
    return (
      this.#earlyBytes + (state.phase === 'open' || state.phase === 'tombstone' ? state.outgoing.bufferedAmount : 0)
    );
  }
  /** Messages given to `send`, and those of them that the peer's process has taken. */
  get messages(): { readonly queued: number; readonly acknowledged: number } {
    const outgoing = this.#outgoing();
    return {
      queued: (outgoing?.messagesQueued ?? 0) + this.#early.length,
      acknowledged: outgoing?.messagesAcknowledged ?? 0,
    };
  }
  /** When the first PING went out that is still unanswered, or `null`: after 3 s the connection itself is probed. */
  get unansweredSinceMs(): number | null {
    return this.#probe.unansweredSince;
  }
  /** Whether a DATA frame could go out now. */
  hasFrame(nowMs: number): boolean {
    const state = this.#state;
    if (state.phase !== 'open' && state.phase !== 'tombstone') return false;
    return nowMs >= this.#heldUntil && state.outgoing.canSend(state.keys);
  }

  /** Queues a message; owns `data` from here. @throws SwsError `invalid-state` after close. */
  send(data: string | Uint8Array, nowMs: number): void {
    const state = this.#state;
    if (this.#ended || this.#closeRequested !== null || (state.phase !== 'opening' && state.phase !== 'open')) {
      throw new SwsError('invalid-state', 'the channel is closing or closed');
    }
    const opcode = typeof data === 'string' ? OPCODE.text : OPCODE.binary;
    const bytes = typeof data === 'string' ? encodeUtf8(data) : data;
    if (state.phase === 'opening') {
      this.#early.push({ opcode, bytes });
      this.#earlyBytes += bytes.length;
      return;
    }
    state.outgoing.enqueue(opcode, bytes);
    this.#schedule(nowMs);
  }

  /** Closes behind all queued messages. 1005 with an empty reason stands for none. @throws SwsError `invalid-state` for a code or reason that can't be sent. */
  close(code: number, reason: string, nowMs: number): void {
    if ((code !== 1005 || reason !== '') && !isSendableCloseCode(code))
      throw new SwsError('invalid-state', `close code ${code} may not be sent`);
    if (encodeUtf8(reason).length > MAX_REASON_BYTES)
      throw new SwsError('invalid-state', `a close reason has at most ${MAX_REASON_BYTES} bytes`);
    if (this.#ended || this.#closeRequested !== null) return;
    const state = this.#state;
    if (state.phase !== 'open') {
      this.abort({ code: 'invalid-state', detail: 'closed before it was open' });
      return;
    }
    this.#closeRequested = { code, reason };
    this.#closeDeadline = nowMs + this.#host.settings.resumeTimeoutMs;
    state.outgoing.enqueueClose(encodeClose(this.#closeRequested));
    this.#schedule(nowMs);
  }

  /** Ends at once with 1006, telling the peer nothing (it learns by RESET or time). */
  abort(failure: Failure): void {
    this.#end({ code: 1006, reason: '', wasClean: false, failure });
    this.#forget();
  }

  /** The application has taken the oldest message emitted: its credit goes back to the peer. */
  delivered(nowMs: number): void {
    this.#incoming.delivered();
    if (this.#state.phase !== 'open') return;
    if (this.#incoming.limit - this.#ackedLimit >= this.#host.settings.windowBytes / 4)
      this.#sendControl(CONTROL_TYPE.ack, 0);
    else if (this.#incoming.limit > this.#ackedLimit) this.#ackAt = Math.min(this.#ackAt, nowMs + ACK_DELAY_MS);
    this.#schedule(nowMs);
  }

  /** The next DATA frame as a whole binary MESSAGE, or `null`. What the host was given to send meanwhile goes before it. The channel keeps it until acknowledged: it must not be changed. */
  nextFrame(nowMs: number): Uint8Array | null {
    const state = this.#state;
    if ((state.phase !== 'open' && state.phase !== 'tombstone') || nowMs < this.#heldUntil) return null;
    const closed = state.outgoing.closeSealed;
    const message = state.outgoing.next(state.keys);
    // What was taken is acknowledged ahead of a close, so that the peer's bufferedAmount is true when it learns of it.
    if (state.outgoing.closeSealed && !closed && this.#ackAt !== Number.POSITIVE_INFINITY)
      this.#sendControl(CONTROL_TYPE.ack, 0);
    if (message !== null) {
      this.#rekey.sawFrame(nowMs);
      this.#schedule(nowMs);
    }
    return message;
  }

  /** A frame of this channel arrived. RESET goes to `receiveReset`. False for a DATA or CONTROL that did not open. */
  receive(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean {
    const state = this.#state;
    let opened = true;
    if (frame.kind === 1) {
      if (state.phase === 'half-open' && equalBytes(content, state.open)) this.#host.send(state.accept);
    } else if (frame.kind === 2) {
      if (state.phase === 'opening') opened = this.#receiveAccept(state, frame, nowMs);
    } else if (state.phase === 'half-open' || state.phase === 'open' || state.phase === 'tombstone') {
      if (frame.kind === 3) opened = this.#receiveData(state, frame.seq, frame.box, nowMs);
      else if (frame.kind === 4) opened = this.#receiveControl(state, frame.epoch, frame.counter, frame.box, nowMs);
    }
    this.#schedule(nowMs);
    return opened;
  }

  /** A RESET that opened arrived: it counts only if it echoes something of ours that is still pending. */
  receiveReset(code: ResetCode, echo: Uint8Array): boolean {
    if (!this.#provoked(echo)) return false;
    const failures = {
      [RESET_CODE.unknownChannel]: {
        code: 'unknown-channel',
        detail: 'the peer does not know this channel: its process has restarted',
      },
      [RESET_CODE.refused]: { code: 'refused', detail: 'the peer refused the channel' },
      [RESET_CODE.overLimits]: { code: 'over-limits', detail: 'the peer has no room for more channels' },
    } as const satisfies Record<ResetCode, Failure>;
    this.abort(failures[code]);
    return true;
  }

  /** The relay's hint about a frame of ours (`head` is its first 25 bytes): it retries or probes, never closes an open channel. */
  receiveUndeliverable(code: FailureCode, seq: number | null, nowMs: number): void {
    const state = this.#state;
    if (state.phase === 'opening') {
      if (code === 'offline' && nowMs < state.waitUntil) {
        state.retryAt = nowMs + jitter(this.#host.random, WAIT_RETRY_MIN_MS, WAIT_RETRY_MAX_MS);
        this.#schedule(nowMs);
      } else if (code !== 'congested') this.abort({ code, detail: `the relay could not deliver OPEN: ${code}` });
    } else if (state.phase === 'open' || state.phase === 'tombstone') {
      if (code === 'congested') {
        if (seq === null || state.outgoing.retainedMessage(seq) === null || nowMs < this.#heldUntil) return;
        state.outgoing.slowDown();
        this.#heldUntil = nowMs + jitter(this.#host.random, CONGESTED_MIN_MS, CONGESTED_MAX_MS);
        this.#resendAt = this.#heldUntil;
      } else {
        this.#probe.soon(nowMs);
      }
      this.#schedule(nowMs);
    }
  }

  /** The relay says the peer is gone: a hint, so the channel probes. */
  peerGone(nowMs: number): void {
    if (this.#state.phase === 'open') this.#probe.soon(nowMs);
    this.#schedule(nowMs);
  }

  /** This end is registered (again). */
  connected(nowMs: number): void {
    const state = this.#state;
    this.#probe.reconnected(nowMs);
    if (state.phase === 'opening') {
      if (Number.isFinite(state.deadline)) state.retryAt = nowMs;
      this.wake(nowMs);
      return;
    }
    if (state.phase === 'open' && this.#probe.separated) this.#question(CONTROL_TYPE.resume, nowMs);
    this.#schedule(nowMs);
  }

  /** This end's connection is lost. */
  disconnected(nowMs: number): void {
    this.#probe.lost(nowMs);
    const state = this.#state;
    // What was in flight to the relay may be lost, or may not: the peer's answer to RESUME tells from where to resend.
    if (state.phase === 'open' && !this.#interrupted) {
      this.#interrupted = true;
      this.#host.emit(this, { type: 'interrupted' });
    }
    this.#schedule(nowMs);
  }

  /** Does what is due at `nowMs`. */
  wake(nowMs: number): void {
    const state = this.#state;
    if (state.phase === 'opening') this.#wakeOpening(state, nowMs);
    else if (state.phase === 'half-open' && nowMs >= state.deadline) this.#forget();
    else if (state.phase === 'tombstone' && nowMs >= state.until) this.#forget();
    else if (state.phase === 'open' || state.phase === 'tombstone') this.#wakeOpen(state, nowMs);
    this.#schedule(nowMs);
  }

  #wakeOpening(state: Extract<Phase, { phase: 'opening' }>, nowMs: number): void {
    if (nowMs >= state.deadline && nowMs < state.waitUntil) this.#reopen(state, nowMs);
    else if (nowMs >= state.deadline) {
      this.abort({ code: 'open-timeout', detail: `no answer to OPEN within ${OPEN_TIMEOUT_MS} ms` });
    } else if (nowMs >= state.retryAt && this.#host.connected) {
      this.#host.send(state.handshake.open);
      state.retryAt = nowMs + state.interval;
      state.interval = Math.min(MAX_OPEN_RETRY_MS, state.interval * 2);
    }
  }

  /** OPEN is repeated for 45 s at most; who waits longer starts afresh, under another channelId (PROTOCOL §4, Handshake). */
  #reopen(state: Extract<Phase, { phase: 'opening' }>, nowMs: number): void {
    const { resource } = this;
    const before = this.channelId;
    this.channelId = this.#host.random(16);
    state.handshake.erase();
    state.handshake = new InitiatorHandshake(this.#context, this.channelId, {
      resource,
      protocols: this.#protocols,
      limit: this.#host.settings.windowBytes,
    });
    state.deadline = nowMs + OPEN_TIMEOUT_MS;
    state.interval = OPEN_RETRY_MS;
    this.#host.renamed(this, before);
  }

  #wakeOpen(state: Extract<Phase, { phase: 'open' | 'tombstone' }>, nowMs: number): void {
    const { resumeTimeoutMs } = this.#host.settings;
    const since = this.#probe.separatedSince;
    if (since !== null && nowMs - since > resumeTimeoutMs) {
      this.#end({
        code: 1006,
        reason: '',
        wasClean: false,
        failure: { code: 'resume-timeout', detail: `nothing of the peer for ${resumeTimeoutMs} ms` },
      });
      this.#forget();
      return;
    }
    if (state.phase === 'open' && nowMs >= this.#closeDeadline) {
      this.#end({
        code: 1006,
        reason: '',
        wasClean: false,
        failure: { code: 'close-timeout', detail: `no answer to close within ${resumeTimeoutMs} ms` },
      });
      this.#entomb(nowMs);
    }
    if (state.phase === 'open' && this.#rekey.overdue(nowMs, since !== null)) {
      this.#fail({ code: 'protocol-error', detail: 'a receive key outlived 900 s' }, nowMs);
      return;
    }
    if (!this.#host.connected) return;
    if (nowMs >= this.#ackAt) this.#sendControl(CONTROL_TYPE.ack, 0);
    if (nowMs >= this.#resendAt) {
      this.#resendAt = Number.POSITIVE_INFINITY;
      this.#lastPassAt = nowMs;
      state.outgoing.resend();
    }
    this.#startRekey(state, nowMs);
    if (this.#probe.due(nowMs)) this.#question(CONTROL_TYPE.ping, nowMs);
  }

  #receiveAccept(
    state: Extract<Phase, { phase: 'opening' }>,
    frame: Extract<ChannelFrame, { kind: 2 }>,
    nowMs: number,
  ): boolean {
    const accepted = state.handshake.receiveAccept(frame);
    if (accepted === null) return false;
    const { keys, payload } = accepted;
    if (payload.protocol !== '' && !this.#protocols.includes(payload.protocol)) {
      this.abort({ code: 'handshake-failed', detail: 'the peer chose a subprotocol that was not offered' });
      return true;
    }
    this.protocol = payload.protocol;
    const outgoing = new Outgoing(this.#host.settings.padding, payload.limit);
    this.#state = { phase: 'open', keys, outgoing };
    for (const { opcode, bytes } of this.#early) outgoing.enqueue(opcode, bytes);
    this.#early = [];
    this.#earlyBytes = 0;
    this.#question(CONTROL_TYPE.ping, nowMs);
    this.#host.emit(this, { type: 'open' });
    return true;
  }

  #receiveData(
    state: Extract<Phase, { phase: 'half-open' | 'open' | 'tombstone' }>,
    seq: number,
    box: Uint8Array,
    nowMs: number,
  ): boolean {
    if (seq < this.#incoming.next) return true;
    if (seq > this.#incoming.next) {
      if (state.phase === 'open') this.#sawGap(seq, nowMs);
      return true;
    }
    const plaintext = state.keys.openData(seq, box);
    if (plaintext === null) return false;
    this.#heard(nowMs);
    this.#lastTakenAt = nowMs;
    this.#takenSinceAck += plaintext.length;
    if (this.#takenSinceAck < this.#host.settings.windowBytes / 4)
      this.#ackAt = Math.min(this.#ackAt, nowMs + ACK_DELAY_MS);
    else this.#ackAt = nowMs;
    if (state.phase === 'half-open') this.#confirm(state, nowMs);
    this.#rekey.sawFrame(nowMs);
    this.#rekey.sawReceived(nowMs);
    const taken = this.#incoming.take(plaintext);
    if (this.#gap !== null && this.#incoming.next > this.#gap.seq) this.#gap = null;
    if (this.#failed || this.#state.phase === 'tombstone') {
      // Nothing more goes to the application; a tombstone acknowledges, so that the peer can let go.
      this.#incoming.delivered();
      if (taken.ok && taken.value.type === 'close') this.#ackAt = nowMs;
    } else if (!taken.ok) {
      this.#fail(taken.failure, nowMs);
    } else if (state.keys.openedFrames > 2 ** 17) {
      this.#fail({ code: 'protocol-error', detail: 'more than 2^17 frames under one key' }, nowMs);
    } else {
      this.#take(taken.value, nowMs);
    }
    if (nowMs >= this.#ackAt && this.#host.connected) this.#sendControl(CONTROL_TYPE.ack, 0);
    return true;
  }

  #take(taken: Taken, nowMs: number): void {
    const state = this.#state;
    if (state.phase !== 'open') return;
    const { keys, outgoing } = state;
    switch (taken.type) {
      case 'fragment':
        break;
      case 'message':
        this.#host.emit(this, taken);
        break;
      case 'close':
        this.#receiveClose(outgoing, taken.status, nowMs);
        break;
      case 'rekey':
        if (this.initiator) {
          if (!keys.rekeying || !keys.finishRekey(taken.key))
            this.#fail({ code: 'protocol-error', detail: 'rekey out of turn or with a low-order key' }, nowMs);
          else {
            this.#rekey.received();
            if (!outgoing.closeSealed) {
              outgoing.enqueueUrgent(OPCODE.rekeyed, new Uint8Array(0), () => {
                keys.switchSend();
                keys.completeRekey();
                this.#rekey.completed();
              });
            }
          }
        } else if (keys.rekeying) {
          this.#fail({ code: 'protocol-error', detail: 'rekey out of turn' }, nowMs);
        } else if (!outgoing.closeSealed) {
          const answer = keys.answerRekey(taken.key, this.#host.random(32));
          if (answer === null) this.#fail({ code: 'protocol-error', detail: 'rekey with a low-order key' }, nowMs);
          else outgoing.enqueueUrgent(OPCODE.rekey, answer, () => keys.switchSend());
        }
        break;
      case 'rekeyed':
        if (this.initiator || !keys.rekeying) {
          this.#fail({ code: 'protocol-error', detail: 'rekeyed out of turn' }, nowMs);
        } else {
          keys.switchReceive();
          keys.completeRekey();
          this.#rekey.received();
          this.#rekey.completed();
        }
        break;
    }
  }

  #receiveClose(outgoing: Outgoing, status: CloseStatus, nowMs: number): void {
    // The end that answers sends the same code and no reason, ahead of its unsealed data (PROTOCOL §4, Close).
    outgoing.dropUnsealed();
    if (!outgoing.closeSealed) outgoing.enqueueUrgent(OPCODE.close, encodeClose({ code: status.code, reason: '' }));
    this.#end({ code: status.code, reason: status.reason, wasClean: true, failure: null });
    this.#entomb(nowMs);
  }

  #receiveControl(
    state: Extract<Phase, { phase: 'half-open' | 'open' | 'tombstone' }>,
    epoch: number,
    counter: number,
    box: Uint8Array,
    nowMs: number,
  ): boolean {
    const plaintext = state.keys.openControl(epoch, counter, box);
    if (plaintext === null) return false;
    this.#heard(nowMs);
    this.#probe.confirm();
    if (state.phase === 'half-open') this.#confirm(state, nowMs);
    const { outgoing } = state;
    const control = decodeControl(plaintext);
    if (control === null) {
      this.#fail({ code: 'protocol-error', detail: 'a malformed CONTROL' }, nowMs);
      return true;
    }
    const ackedBefore = outgoing.acked;
    if (control.type === CONTROL_TYPE.resume && control.next < ackedBefore) {
      this.#fail({ code: 'protocol-error', detail: 'RESUME below what was acknowledged' }, nowMs);
      return true;
    }
    if (!outgoing.acknowledge(control.next)) {
      this.#fail({ code: 'protocol-error', detail: 'an acknowledgement of what was not sent' }, nowMs);
      return true;
    }
    outgoing.grant(control.limit);
    if (outgoing.acked > ackedBefore) {
      this.#probe.progress(nowMs);
      if (!this.#ended) this.#host.emit(this, { type: 'acknowledged' });
    }
    if (control.type === CONTROL_TYPE.ping) this.#sendControl(CONTROL_TYPE.pong, control.id);
    if (control.type === CONTROL_TYPE.resume) {
      this.#sendControl(CONTROL_TYPE.ack, control.id);
      if (control.next < outgoing.cursor) this.#resendSoon(nowMs);
    }
    if (control.type === CONTROL_TYPE.pong || (control.type === CONTROL_TYPE.ack && control.id !== 0)) {
      const cursorThen = this.#probe.answer(control.id, nowMs);
      // Frames sent before the question are missing after it: they were lost (tail loss).
      if (cursorThen !== null && control.next < cursorThen && control.next === outgoing.acked) this.#resendSoon(nowMs);
    }
    return true;
  }

  #heard(nowMs: number): void {
    this.#probe.heard(nowMs);
    if (this.#interrupted) {
      this.#interrupted = false;
      if (!this.#ended) this.#host.emit(this, { type: 'resumed' });
    }
  }

  #confirm(state: Extract<Phase, { phase: 'half-open' }>, nowMs: number): void {
    this.#state = { phase: 'open', keys: state.keys, outgoing: state.outgoing };
    this.#probe.confirm();
    this.#host.emit(this, { type: 'open' });
    // The initiator repeats its PING until a CONTROL opens: this end's first word.
    this.#ackAt = Math.min(this.#ackAt, nowMs + ACK_DELAY_MS);
  }

  #sawGap(seq: number, nowMs: number): void {
    const gap = this.#gap;
    const wait = Math.max(RESUME_REPEAT_MS, 2 * this.#probe.rttMs);
    if (gap !== null && nowMs - Math.max(gap.sentAt, this.#lastTakenAt) < wait) return;
    this.#gap = { seq, sentAt: nowMs };
    if (this.#host.connected) this.#question(CONTROL_TYPE.resume, nowMs);
  }

  #resendSoon(nowMs: number): void {
    const earliest = Math.max(this.#lastPassAt + Math.max(MIN_RESEND_MS, this.#probe.rttMs), this.#heldUntil);
    if (nowMs < earliest) {
      this.#resendAt = Math.min(this.#resendAt, earliest);
      return;
    }
    this.#lastPassAt = nowMs;
    this.#resendAt = Number.POSITIVE_INFINITY;
    this.#outgoing()?.resend();
  }

  #startRekey(state: Extract<Phase, { phase: 'open' | 'tombstone' }>, nowMs: number): void {
    if (this.#mayRekey(state) && this.#rekey.due(nowMs)) {
      state.outgoing.enqueueUrgent(OPCODE.rekey, state.keys.startRekey(this.#host.random(32)));
    }
  }

  /** One rekey at a time, and the next only after a CONTROL under the present keys; none after this end's close. */
  #mayRekey({ phase, keys }: Extract<Phase, { phase: 'open' | 'tombstone' }>): boolean {
    return phase === 'open' && this.initiator && this.#closeRequested === null && !keys.rekeying && keys.confirmed;
  }

  #question(type: ControlType, nowMs: number): void {
    const outgoing = this.#outgoing();
    if (outgoing === null || !this.#host.connected) return;
    this.#sendControl(type, this.#probe.ask(type === CONTROL_TYPE.ping, outgoing.cursor, nowMs));
  }

  #sendControl(type: ControlType, id: number): void {
    const state = this.#state;
    if ((state.phase !== 'open' && state.phase !== 'tombstone') || !this.#host.connected) return;
    const { next, limit } = this.#incoming;
    const message = state.keys.sealControl(encodeControl({ type, next, limit, id }));
    this.#ackAt = Number.POSITIVE_INFINITY;
    this.#takenSinceAck = 0;
    this.#ackedLimit = limit;
    this.#recentControls.push(message);
    if (this.#recentControls.length > REMEMBERED_CONTROLS) this.#recentControls.shift();
    this.#host.send(message);
  }

  #provoked(echo: Uint8Array): boolean {
    const matches = (message: Uint8Array) => equalBytes(echoOf(this.#host.provider, contentOf(message)), echo);
    const state = this.#state;
    if (state.phase === 'opening') return matches(state.handshake.open);
    if (state.phase === 'half-open') return matches(state.accept);
    if (state.phase !== 'open' && state.phase !== 'tombstone') return false;
    if (this.#recentControls.some(matches)) return true;
    for (let seq = state.outgoing.acked; seq < state.outgoing.cursor; seq++) {
      const message = state.outgoing.retainedMessage(seq);
      if (message !== null && matches(message)) return true;
    }
    return false;
  }

  #fail(failure: Failure, nowMs: number): void {
    const state = this.#state;
    if (this.#failed || state.phase !== 'open') return;
    this.#failed = true;
    const codes: Partial<Record<FailureCode, number>> = { 'invalid-text': 1007, 'message-too-big': 1009 };
    state.outgoing.dropUnsealed();
    if (!state.outgoing.closeSealed) {
      state.outgoing.enqueueUrgent(OPCODE.close, encodeClose({ code: codes[failure.code] ?? 1002, reason: '' }));
    }
    this.#end({ code: 1006, reason: '', wasClean: false, failure });
    this.#entomb(nowMs);
  }

  /** Keeps keys and unacknowledged frames for resumeTimeout, so that the peer's end closes as it should. */
  #entomb(nowMs: number): void {
    const state = this.#state;
    if (state.phase !== 'open') return;
    this.#state = {
      phase: 'tombstone',
      keys: state.keys,
      outgoing: state.outgoing,
      until: nowMs + this.#host.settings.resumeTimeoutMs,
    };
    this.#closeDeadline = Number.POSITIVE_INFINITY;
    this.#ackAt = nowMs;
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    // A responder's channel that never opened was never announced: it ends as quietly.
    if (this.#state.phase !== 'half-open') this.#host.emit(this, { type: 'close', end });
  }

  #forget(): void {
    const state = this.#state;
    if (state.phase === 'gone') return;
    if (state.phase === 'opening') state.handshake.erase();
    else {
      state.keys.erase();
      state.outgoing.clear();
    }
    this.#early = [];
    this.#incoming.clear();
    this.#state = { phase: 'gone' };
    this.wakeAtMs = null;
    this.#host.forget(this);
  }

  #outgoing(): Outgoing | null {
    const state = this.#state;
    return state.phase === 'opening' || state.phase === 'gone' ? null : state.outgoing;
  }

  #schedule(nowMs: number): void {
    const state = this.#state;
    let at = Number.POSITIVE_INFINITY;
    if (state.phase === 'opening')
      at = Math.min(state.deadline, this.#host.connected ? state.retryAt : Number.POSITIVE_INFINITY);
    else if (state.phase === 'half-open') at = state.deadline;
    else if (state.phase === 'open' || state.phase === 'tombstone') {
      const tombstone = state.phase === 'tombstone';
      if (tombstone) at = state.until;
      const { resumeTimeoutMs } = this.#host.settings;
      const since = this.#probe.separatedSince;
      if (since !== null) at = Math.min(at, since + resumeTimeoutMs + 1);
      at = Math.min(at, this.#closeDeadline);
      if (this.#host.connected) {
        this.#probe.plan(state.outgoing.hungry, tombstone, nowMs);
        at = Math.min(
          at,
          this.#ackAt,
          this.#resendAt,
          this.#heldUntil > nowMs ? this.#heldUntil : at,
          this.#probe.nextAt,
        );
        if (this.#mayRekey(state)) at = Math.min(at, this.#rekey.dueAt(nowMs));
      }
      if (!tombstone) at = Math.min(at, this.#rekey.overdueAt);
    }
    this.wakeAtMs = Number.isFinite(at) ? at : null;
  }
}
