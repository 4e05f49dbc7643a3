import { encodeHex } from '@sws/crypto';
import type { Failure } from '../result.js';
import { SwsError } from '../sws-error.js';
import { encodeUtf8 } from '../utf8.js';
import type { ChannelContext } from './channel-context.js';
import type { ChannelEvent } from './channel-event.js';
import type { ChannelFrame } from './channel-frame.js';
import type { ChannelInput, ChannelPhase, PhaseName } from './channel-phase.js';
import { type CloseStatus, isSendableCloseCode, MAX_REASON_BYTES } from './close-status.js';
import type { HandshakeContext, ResponderHandshake } from './handshake.js';
import type { ChannelAccount } from './memory-budget.js';
import { type ChannelOffer, Opening } from './opening.js';
import { Outgoing } from './outgoing.js';
import { checkOffer } from './payload.js';
import { type FrameName, RESET_CODE, type ResetCode } from './reset.js';
import { Session } from './session.js';

const RESET_FAILURES = {
  [RESET_CODE.unknownChannel]: {
    code: 'unknown-channel',
    detail: 'the peer has restarted',
  },
  [RESET_CODE.refused]: { code: 'refused', detail: 'the peer refused' },
  [RESET_CODE.overLimits]: { code: 'over-limits', detail: 'the peer has no room' },
} as const satisfies Record<ResetCode, Failure>;

/**
 * One channel: a WebSocket between two keys (PROTOCOL §4). It does no I/O and has no callbacks. Inputs carry `nowMs`,
 * events and frames are polled, and `nextWakeAtMs` says when it needs a `timeout`. The peer's input never throws; an
 * invalid command does.
 */
export class Channel {
  readonly peer: Uint8Array;
  readonly peerAddress: string;
  readonly initiator: boolean;
  /** The channel's account of the endpoint's memory. */
  readonly account: ChannelAccount;
  readonly resource: string;
  /** The subprotocols that the initiator offered. */
  readonly protocols: readonly string[];
  /** The `owner` in the accept policy's answer. */
  owner: unknown = null;
  readonly #outgoing: Outgoing;
  #phase: ChannelPhase;

  private constructor(
    peer: Uint8Array,
    initiator: boolean,
    { resource, protocols }: Pick<ChannelOffer, 'resource' | 'protocols'>,
    outgoing: Outgoing,
    account: ChannelAccount,
    phase: ChannelPhase,
  ) {
    this.account = account;
    this.peer = peer;
    this.peerAddress = encodeHex(peer);
    this.initiator = initiator;
    this.resource = resource;
    this.protocols = protocols;
    this.#outgoing = outgoing;
    this.#phase = phase;
  }

  /**
   * A channel that waits for `begin`. Before `waitUntilMs`, an offline peer does not end the attempt: OPEN is repeated,
   * with a new channelId every 45 s. @throws SwsError `invalid-offer`
   */
  static open(
    context: ChannelContext,
    handshakeContext: HandshakeContext,
    offer: ChannelOffer,
    account: ChannelAccount,
  ): Channel {
    checkOffer(offer);
    const outgoing = new Outgoing(context.settings.padding, context.flightTo(encodeHex(handshakeContext.peer)));
    const opening = new Opening(context, handshakeContext, offer, outgoing, account);
    return new Channel(handshakeContext.peer, true, offer, outgoing, account, opening);
  }

  /**
   * Accepts an OPEN that the policy has accepted, and sends ACCEPT. `null` if the OPEN's keys fail their input checks.
   * Keeps `open`.
   */
  static accept(
    context: ChannelContext,
    peer: Uint8Array,
    handshake: ResponderHandshake,
    open: Uint8Array,
    protocol: string,
    account: ChannelAccount,
    nowMs: number,
  ): Channel | null {
    const accepted = handshake.accept({ protocol, limit: account.windowBytes });
    if (accepted === null) return null;
    const { payload } = handshake;
    const outgoing = new Outgoing(context.settings.padding, context.flightTo(encodeHex(peer)));
    outgoing.grant(payload.limit);
    const established = { context, keys: accepted.keys, protocol, outgoing, account };
    const session = Session.responded(established, { open, accept: accepted.accept }, nowMs);
    return new Channel(peer, false, payload, outgoing, account, session);
  }

  get channelId(): Uint8Array {
    return this.#phase.channelId;
  }
  get phase(): PhaseName {
    return this.#phase.name;
  }
  /** The agreed subprotocol; empty for none, and until open. */
  get protocol(): string {
    return this.#phase.protocol;
  }
  /** Whether the far end has confirmed the channel: a frame of it has opened. */
  get confirmed(): boolean {
    return this.#phase.confirmed;
  }
  /** Application bytes sent and not yet acknowledged by the peer's process. */
  get bufferedAmount(): number {
    return this.#outgoing.bufferedAmount;
  }
  /** The numbers of messages given to `send`, and acknowledged by the peer's process. */
  get messages(): { readonly queued: number; readonly acknowledged: number } {
    return { queued: this.#outgoing.messagesQueued, acknowledged: this.#outgoing.messagesAcknowledged };
  }
  /** When the first unanswered PING was sent, or `null`. After 3 s the connection itself is probed. */
  get unansweredSinceMs(): number | null {
    return this.#phase.unansweredSinceMs;
  }
  /** Whether a message of the peer cannot continue for lack of memory. */
  get starved(): boolean {
    return this.#phase.starved;
  }
  /** Whether the channel's frames must wait until fewer bytes are in flight to this peer. */
  get waitsForRoom(): boolean {
    return this.#outgoing.waitsForRoom;
  }
  /** How many bytes may be in flight to this peer, over all channels to it. A writer of more waits. */
  get allowanceBytes(): number {
    return this.#outgoing.flight.allowanceBytes;
  }
  /** When the channel needs a `timeout`; infinite for never. */
  get nextWakeAtMs(): number {
    return this.#phase.nextWakeAtMs;
  }

  /**
   * @throws SwsError `closed` for `send` after close, `invalid-close` for a close code or reason that cannot be sent
   */
  handle(input: ChannelInput, nowMs: number): void {
    if (input.type === 'send' && !this.#phase.writable)
      throw new SwsError('closed', 'the channel is closing or closed');
    if (input.type === 'close') checkClose(input);
    this.#phase.handle(input, nowMs);
    this.#advance();
  }

  /** A frame of this channel arrived, not RESET. Returns false for an ACCEPT, DATA or CONTROL that did not open. */
  handleFrame(frame: ChannelFrame, content: Uint8Array, nowMs: number): boolean {
    const opened = this.#phase.handleFrame(frame, content, nowMs);
    this.#advance();
    return opened;
  }

  /** A RESET arrived and opened. It counts only if it names a frame of ours that is still pending. */
  handleReset(code: ResetCode, name: FrameName): boolean {
    if (!this.#phase.provoked(name)) return false;
    this.abort(RESET_FAILURES[code]);
    return true;
  }

  /** Ends at once with 1006 and sends nothing. The peer learns it by RESET when it next sends, or by a timeout. */
  abort(failure: Failure): void {
    this.#phase.abort(failure);
    this.#advance();
  }

  pollEvent(): ChannelEvent | null {
    return this.#phase.pollEvent();
  }

  /**
   * The next frame to send, as a whole binary MESSAGE, or `null`. It must not be changed: the channel keeps it until
   * acknowledged. After that another frame may be sealed into its array, so copy what you keep.
   */
  pollFrame(nowMs: number): Uint8Array | null {
    return this.#phase.pollFrame(nowMs);
  }

  /** Replaces phases that have ended. An attempt whose ACCEPT is refused ends at once. */
  #advance(): void {
    const { successor } = this.#phase;
    if (successor === null) return;
    this.#phase = successor;
    if (successor.name === 'gone') this.account.release();
  }
}

/** @throws SwsError `invalid-close` for a close that cannot be sent; 1005 with an empty reason stands for none */
function checkClose({ code, reason }: CloseStatus): void {
  if ((code !== 1005 || reason !== '') && !isSendableCloseCode(code))
    throw new SwsError('invalid-close', `closeCode ${code} cannot be sent`);
  if (encodeUtf8(reason).length > MAX_REASON_BYTES)
    throw new SwsError('invalid-close', `reason must have at most ${MAX_REASON_BYTES} bytes of UTF-8`);
}
