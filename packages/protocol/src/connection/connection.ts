import { decodeHex, encodeHex } from '@sws/crypto';
import type { Channel } from '../channel/channel.js';
import type { ChannelCommand } from '../channel/channel-phase.js';
import { ChannelTable } from '../channel/channel-table.js';
import type { AcceptAnswer, ChannelRequest } from '../channel/channel-table-options.js';
import { jitter } from '../channel/jitter.js';
import type { ChannelOffer } from '../channel/opening.js';
import { FAILURES, failureOfCloseCode } from '../failures.js';
import type { ClientFrame } from '../frames/client-frames.js';
import type { UnknownFrame } from '../frames/fields.js';
import { decodeMessage, MESSAGE_HEAD_BYTES } from '../frames/message.js';
import { decodeRelayFrame, encodeFrame, type RelayFrame } from '../frames/relay-frames.js';
import { ClientRegistration } from '../registration/client-registration.js';
import type { Failure } from '../result.js';
import type { ConnectionEvent, ConnectionOptions, ConnectionState } from './connection-options.js';

/** The time limit of dialling and registering. */
const CONNECT_TIMEOUT_MS = 15_000;
/** The most bytes of frames that wait until the relay's signature is verified, with so much for each frame itself. */
const MAX_HELD_BYTES = 4_194_304;
const HELD_FRAME_COST = 96;

type State =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'registering';
      readonly registration: ClientRegistration;
      readonly deadline: number;
      /** Frames that came while the shell verifies the relay's signature. */
      readonly held: (string | Uint8Array)[];
      heldBytes: number;
    }
  | { readonly phase: 'registered'; readonly since: number; readonly keepaliveMs: number }
  | { readonly phase: 'waiting'; readonly until: number }
  | { readonly phase: 'down' };

/** A relay PING unanswered for this long ends the connection. */
const PONG_TIMEOUT_MS = 5_000;
/** If a channel's PING is unanswered for this long, the relay is asked for a sign of life. */
const CHANNEL_PATIENCE_MS = 3_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 10_000;
/** A registration that has lasted this long resets the backoff. */
const SETTLED_MS = 5_000;
/**
 * A timer later than this means that the process was frozen or asleep. The connection is then probed before it is
 * dropped.
 */
const LATE_MS = 2_000;
const MAX_RESTART_DELAY_MS = 60_000;

/**
 * One registered connection to a relay and its channels (PROTOCOL §2–4): backoff, liveness, RESTARTING, 4409, and
 * resume after a reconnect. It does no I/O. A shell passes inputs, handles `pollEvent` until `null`, writes
 * `pollFrame` until `null` or the transport is full, and then sets one timer for `nextWakeAtMs`.
 */
export class Connection {
  readonly table: ChannelTable;
  readonly #options: ConnectionOptions;
  /**
   * Frames for the relay itself that wait for the transport. A newer one of a type replaces the older. The next dial
   * drops them.
   */
  readonly #pending = new Map<ClientFrame['type'], string>();
  #events: ConnectionEvent[] = [];
  #state: State = { phase: 'idle' };
  #lastTerm = 0;
  #attempts = 0;
  #replacedOnce = false;
  #heardAt = 0;
  /** When the unanswered PING was sent. */
  #pingedAt: number | null = null;
  #pongAt = 0;
  #pingId = 0;
  #restart: { readonly at: number } | null = null;
  /** How long this process was frozen. The machines' clock does not count this time. */
  #frozenMs = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.table = new ChannelTable({ ...options, staticKey: options.identity });
  }

  get registered(): boolean {
    return this.#state.phase === 'registered';
  }

  /** When `handleTimeout` is due, in the shell's clock; infinite for never. */
  get nextWakeAtMs(): number {
    return this.#nextWake() + this.#frozenMs;
  }

  /** Connects, unless it is connected or connecting. */
  connect(nowMs: number): void {
    const now = this.#time(nowMs);
    if (this.#state.phase !== 'idle' && this.#state.phase !== 'down') return;
    // A call allows one more try after a replacement. The other client, just registered too, may also try once more.
    this.#replacedOnce = false;
    this.#dial(now);
  }

  /**
   * Asks the relay for a sign of life at once, unless a PING is pending. The device may have slept and lost the
   * connection.
   */
  probe(nowMs: number): void {
    const now = this.#time(nowMs);
    if (this.#state.phase === 'registered' && this.#pingedAt === null) this.#ping(now);
  }

  open(peer: Uint8Array, offer: ChannelOffer, nowMs: number): Channel {
    this.connect(nowMs);
    return this.table.open(peer, { ...offer, waitUntilMs: offer.waitUntilMs - this.#frozenMs }, this.#time(nowMs));
  }

  /** Carries out the application's command for a channel. @throws SwsError as `Channel.handle` */
  handleCommand(channel: Channel, command: ChannelCommand, nowMs: number): void {
    this.table.handleCommand(channel, command, this.#time(nowMs));
  }

  /** The answer of an accept policy that returned `later`; `null` to send the peer no answer. */
  handleDecision(request: ChannelRequest, answer: AcceptAnswer | null, nowMs: number): void {
    this.table.handleDecision(request, answer, this.#time(nowMs));
  }

  /** A frame arrived: text or binary (owned from here). */
  handleFrame(data: string | Uint8Array, nowMs: number): void {
    this.#handle(data, this.#time(nowMs));
  }

  /** The result of the last event `sign` or `verify`, unless the connection has been dropped since. */
  handleSignature(result: Uint8Array | boolean, nowMs: number): void {
    const now = this.#time(nowMs);
    const state = this.#state;
    if (state.phase !== 'registering') return;
    state.registration.handleSignature(result);
    this.#goOn(state, now);
  }

  #handle(data: string | Uint8Array, now: number): void {
    this.#heardAt = now;
    const state = this.#state;
    if (state.phase === 'registering') this.#register(state, data, now);
    else if (state.phase !== 'registered') return;
    else if (typeof data === 'string') {
      const decoded = decodeRelayFrame(data);
      if (decoded.ok) this.#receiveFrame(decoded.value, now);
    } else {
      const decoded = decodeMessage(data);
      if (decoded.ok) this.table.handleMessage(decoded.value.key, decoded.value.content, now);
    }
  }

  /**
   * The socket is closed, or could not be opened. `closeCode` is the WebSocket's; `failure` is the platform's reason,
   * if any.
   */
  handleClosed(closeCode: number, nowMs: number, failure?: Failure | null): void {
    const now = this.#time(nowMs);
    const detail = `${this.#options.host} could not be reached, or closed with ${closeCode}`;
    if (this.#online) this.#lost(failure ?? { code: failureOfCloseCode(closeCode), detail }, now);
  }

  /** The next event; `null` for no more. */
  pollEvent(): ConnectionEvent | null {
    return this.table.pollEvent() ?? this.#events.shift() ?? null;
  }

  /**
   * The next frame to write while the transport is open and has room, or `null`. It must not be changed, and bytes must
   * be copied before the next input, as the `send` of a WebSocket does.
   */
  pollFrame(nowMs: number): string | Uint8Array | null {
    for (const [type, text] of this.#pending) {
      this.#pending.delete(type);
      return text;
    }
    if (this.#state.phase !== 'registered') return null;
    const message = this.table.pollFrame(this.#time(nowMs));
    if (message === null || this.#options.encoding === 'binary') return message;
    const to = encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES));
    return encodeFrame({ type: 'MESSAGE', to, content: message.subarray(MESSAGE_HEAD_BYTES) });
  }

  /** `nextWakeAtMs` has come. */
  handleTimeout(nowMs: number): void {
    const now = this.#time(nowMs);
    const state = this.#state;
    if (state.phase === 'waiting' && now >= state.until) this.#dial(now);
    else if (state.phase === 'registering' && now >= state.deadline)
      this.#drop({ code: 'connection-lost', detail: `no registration within ${CONNECT_TIMEOUT_MS} ms` }, now);
    else if (state.phase === 'registered') this.#wakeRegistered(state, now);
    this.table.handleTimeout(now);
  }

  /** Ends every channel and the connection. */
  close(failure: Failure): void {
    if (this.#online) this.#events.push({ type: 'hang-up' });
    this.#down(failure);
  }

  /** Whether there is a socket, or one is being opened. */
  get #online(): boolean {
    return this.#state.phase === 'registering' || this.#state.phase === 'registered';
  }

  #down(failure: Failure): void {
    this.#state = { phase: 'down' };
    this.table.abortAll(failure);
    this.#tell({ name: 'down', failure });
  }

  #tell(state: ConnectionState): void {
    this.#events.push({ type: 'state', state });
  }

  /** The machines' time for the shell's `nowMs`. */
  #time(nowMs: number): number {
    const due = this.#nextWake();
    const now = nowMs - this.#frozenMs;
    if (now > due + LATE_MS) {
      this.#frozenMs = nowMs - due;
      const state = this.#state;
      // Ask for a sign of life, because the connection may have survived the freeze. Or dial, if the time for that has
      // come: the next timer may be a minute away.
      if (state.phase === 'registered') this.#ping(due);
      else if (state.phase === 'waiting' && now >= state.until) this.#dial(due);
    }
    return nowMs - this.#frozenMs;
  }

  #nextWake(): number {
    const state = this.#state;
    let at = this.table.nextWakeAtMs;
    if (state.phase === 'waiting') at = Math.min(at, state.until);
    if (state.phase === 'registering') at = Math.min(at, state.deadline);
    if (state.phase === 'registered')
      at = Math.min(
        at,
        this.#pongDeadline(state) ?? this.#pingAt(state),
        this.#restart?.at ?? Number.POSITIVE_INFINITY,
      );
    return at;
  }

  #wakeRegistered(state: Extract<State, { phase: 'registered' }>, now: number): void {
    if (this.#restart !== null && now >= this.#restart.at) {
      this.#drop({ code: 'restarting', detail: 'the relay asked to come back' }, now);
      return;
    }
    const deadline = this.#pongDeadline(state);
    if (deadline !== null) {
      if (now >= deadline) this.#drop({ code: 'connection-lost', detail: 'no answer to PING' }, now);
    } else if (now >= this.#pingAt(state)) this.#ping(now);
  }

  /** When to ask the relay for a sign of life: it is silent, or a channel's PING is unanswered. */
  #pingAt({ keepaliveMs }: Extract<State, { phase: 'registered' }>): number {
    const unanswered = this.table.unansweredSinceMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#heardAt + keepaliveMs, Math.max(unanswered, this.#pongAt) + CHANNEL_PATIENCE_MS);
  }

  /**
   * Until when to wait for the relay's PONG; `null` if none is due. Only a PONG shows that the relay receives our
   * frames. If bytes arrive but no PONG, the relay may have paused reading, for at most `keepalive` (PROTOCOL §3,
   * Rates).
   */
  #pongDeadline({ keepaliveMs }: Extract<State, { phase: 'registered' }>): number | null {
    const pingedAt = this.#pingedAt;
    if (pingedAt === null) return null;
    return Math.min(Math.max(this.#heardAt, pingedAt) + PONG_TIMEOUT_MS, pingedAt + keepaliveMs);
  }

  #ping(now: number): void {
    this.#pingedAt = now;
    this.#pending.set('PING', encodeFrame({ type: 'PING', id: ++this.#pingId }));
  }

  #dial(now: number): void {
    const options = this.#options;
    const clientNonce = options.random(32);
    const registration = new ClientRegistration({ ...options, clientNonce, lastTerm: this.#lastTerm });
    const deadline = now + CONNECT_TIMEOUT_MS;
    this.#state = { phase: 'registering', registration, deadline, held: [], heldBytes: 0 };
    this.#restart = null;
    this.#pending.clear();
    this.#tell({ name: 'connecting' });
    this.#events.push({ type: 'dial' });
  }

  #register(state: Extract<State, { phase: 'registering' }>, data: string | Uint8Array, now: number): void {
    if (state.registration.verifies) {
      state.heldBytes += data.length + HELD_FRAME_COST;
      if (state.heldBytes > MAX_HELD_BYTES)
        return this.#drop({ code: 'connection-lost', detail: 'too much before the relay was verified' }, now);
      state.held.push(data);
    } else if (typeof data !== 'string')
      this.#drop({ code: 'bad-frame', detail: 'a binary frame before registration' }, now);
    else {
      state.registration.handleFrame(data);
      this.#goOn(state, now);
    }
  }

  /** Carries out what the registration has to say. */
  #goOn({ registration, held }: Extract<State, { phase: 'registering' }>, now: number): void {
    for (let frame = registration.pollFrame(); frame !== null; frame = registration.pollFrame())
      this.#pending.set(frame.type, encodeFrame(frame));
    const event = registration.pollEvent();
    if (event === null) return;
    if (event.type === 'sign' || event.type === 'verify') return void this.#events.push(event);
    if (event.type === 'failed') return this.#drop(event.failure, now);
    this.#lastTerm = event.term;
    this.#state = { phase: 'registered', since: now, keepaliveMs: event.keepaliveMs };
    this.#heardAt = now;
    this.#pongAt = now;
    this.#pingedAt = null;
    this.#tell({ name: 'registered' });
    this.table.handleConnected(now);
    for (const data of held) this.#handle(data, now);
  }

  #receiveFrame(frame: RelayFrame | UnknownFrame, now: number): void {
    switch (frame.type) {
      case 'PING':
        this.#pending.set('PONG', encodeFrame({ type: 'PONG', id: frame.id }));
        break;
      case 'PONG':
        if (frame.id !== this.#pingId) break;
        this.#pingedAt = null;
        this.#pongAt = now;
        break;
      case 'MESSAGE': {
        const from = frame.from === undefined ? null : decodeHex(frame.from);
        if (from !== null) this.table.handleMessage(from, frame.content, now);
        break;
      }
      case 'UNDELIVERABLE': {
        const to = decodeHex(frame.to);
        const head = decodeHex(frame.head);
        if (to !== null && head !== null) this.table.handleUndeliverable(to, head, frame.code, now);
        break;
      }
      case 'BACKLOG':
        this.table.handleBacklog(frame.to);
        break;
      case 'PEER_GONE':
        this.table.handlePeerGone(frame.publicKey, now);
        break;
      case 'RESTARTING': {
        const spread = Math.min(frame.spread, MAX_RESTART_DELAY_MS);
        this.#restart = {
          at: now + Math.min(frame.reconnectIn, MAX_RESTART_DELAY_MS) + jitter(this.#options.random, 0, spread),
        };
        break;
      }
      default:
        // Ignored: frames of an ended registration, the reason of a close that follows, and frames of a newer relay.
        frame satisfies {
          readonly type: 'CHALLENGE' | 'REGISTER_SUCCESS' | 'REGISTER_FAILURE' | 'ERROR' | 'UNKNOWN';
        };
    }
  }

  /** This end drops the connection. */
  #drop(failure: Failure, now: number): void {
    this.#events.push({ type: 'hang-up' });
    this.#lost(failure, now);
  }

  #lost(failure: Failure, now: number): void {
    const before = this.#state;
    const wasRegistered = before.phase === 'registered';
    const settled = wasRegistered && now - before.since >= SETTLED_MS;
    if (settled) {
      this.#attempts = 0;
      this.#replacedOnce = false;
    }
    // After a close with 4409 within 5 s of registering, try once more: our own older socket may have been the cause.
    const again =
      failure.code === 'replaced' ? wasRegistered && !settled && !this.#replacedOnce : FAILURES[failure.code].retry;
    if (failure.code === 'replaced') this.#replacedOnce = true;
    // A relay with a wrong clock gave the last term. Do not send it at the next registration.
    if (failure.code === 'term-refused') this.#lastTerm = 0;
    this.#pingedAt = null;
    if (wasRegistered) this.table.handleDisconnected(now);
    else this.table.handleConnectionFailed(failure, now);
    if (!again) return this.#down(failure);
    const ceiling = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(16, this.#attempts++));
    const until = Math.max(this.#restart?.at ?? 0, now + jitter(this.#options.random, 0, ceiling));
    this.#state = { phase: 'waiting', until };
    this.#tell({ name: 'reconnecting', failure, retryAtMs: until + this.#frozenMs });
  }
}
