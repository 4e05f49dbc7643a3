import { encodeHex } from '@sws/crypto';
import {
  type Failure,
  type Limits,
  MAX_MAX_MESSAGE_BYTES,
  MAX_TERM,
  MESSAGE_HEAD_BYTES,
  MIN_MAX_MESSAGE_BYTES,
  UNDELIVERABLE_HEAD_BYTES,
  type UndeliverableCode,
} from '@sws/protocol';
import type { Backplane, BackplaneLink } from './backplane.js';
import { type Claim, compareClaims } from './claim.js';
import { Correspondences } from './correspondences.js';
import { LONE_NODE } from './lone-node.js';
import { type KeyEvent, NEWEST_WINS } from './newest-wins.js';
import { type Meter, type Rate, RateLimits } from './rate-limits.js';
import type { RegisteredSocket } from './registered-socket.js';
import { Registration, type Route } from './registration.js';
import { Terms } from './terms.js';

/** Settings of a router. */
export interface RouterOptions {
  /** Unique among the nodes of one backplane. @defaultValue random */
  readonly nodeId?: string;
  /** What joins this node to others. @defaultValue none: a node alone */
  readonly backplane?: Backplane;
  /** What each client is told and held to. @defaultValue 65,536 bytes, 1,000 messages/s, 8 MiB/s */
  readonly limits?: Partial<Limits>;
  /** What the clients of one address (IPv6: one /64) may send together. @defaultValue ten times one client's rate */
  readonly addressLimits?: Partial<Rate>;
  /** Seconds between signs of life. @defaultValue 15 */
  readonly keepalive?: number;
}

/** What a router has done since it began. */
export interface RouterCounters {
  routed: number;
  routedBytes: number;
  replaced: number;
  peerGone: number;
  undeliverable: Record<UndeliverableCode, number>;
}

/** Who asks for admission, beside its key. */
export interface Applicant {
  /** Aborted when the client is gone before it attached. */
  readonly signal?: AbortSignal;
  /** Whom the rate by address counts for; `null`: nobody. */
  readonly network?: string | null;
}

/** The answer to a client that has proven its key. */
export type Admission =
  | {
      readonly ok: true;
      readonly term: number;
      readonly limits: Limits;
      /** Seconds. */
      readonly keepalive: number;
      readonly meter: Meter;
    }
  | { readonly ok: false; readonly failure: Failure };

/** How a router is emptied. */
export interface DrainOptions {
  /** When clients may come back, ms. @defaultValue 0 */
  readonly reconnectInMs?: number;
  /** Over how long they are to spread their return, ms. @defaultValue 5,000 */
  readonly spreadMs?: number;
  /** When those who stay are closed with 1012, ms. @defaultValue 10,000 */
  readonly deadlineMs?: number;
}

const DEFAULT_LIMITS: Limits = {
  maxMessage: MIN_MAX_MESSAGE_BYTES,
  messagesPerSecond: 1_000,
  bytesPerSecond: 8 * 1_048_576,
};
const ADDRESS_FACTOR = 10;
const RESTARTING: Failure = { code: 'restarting', detail: 'the relay is restarting' };

/** Routes sealed MESSAGEs between registered keys; the newest registration of a key wins (PROTOCOL §2, §3). */
export class Router {
  readonly nodeId: string;
  readonly limits: Limits;
  readonly counters: RouterCounters = {
    routed: 0,
    routedBytes: 0,
    replaced: 0,
    peerGone: 0,
    undeliverable: { offline: 0, congested: 0, 'too-large': 0, forbidden: 0 },
  };
  readonly #backplane: BackplaneLink;
  readonly #keepalive: number;
  readonly #registrations = new Map<string, Registration>();
  readonly #correspondences = new Correspondences();
  readonly #terms = new Terms();
  readonly #rates: RateLimits;
  #connectionId = 0;
  #draining = false;
  /** Ends a drain's wait. */
  #emptied: (() => void) | null = null;

  /** @throws RangeError for a limit out of its range */
  constructor(options: RouterOptions = {}) {
    this.nodeId = options.nodeId ?? crypto.randomUUID();
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { maxMessage, messagesPerSecond, bytesPerSecond } = this.limits;
    if (!(maxMessage >= MIN_MAX_MESSAGE_BYTES && maxMessage <= MAX_MAX_MESSAGE_BYTES))
      throw new RangeError(`limits.maxMessage is from ${MIN_MAX_MESSAGE_BYTES} to ${MAX_MAX_MESSAGE_BYTES} bytes`);
    const perAddress: Rate = {
      messagesPerSecond: messagesPerSecond * ADDRESS_FACTOR,
      bytesPerSecond: bytesPerSecond * ADDRESS_FACTOR,
      ...options.addressLimits,
    };
    checkRate('limits', this.limits);
    checkRate('addressLimits', perAddress);
    this.#rates = new RateLimits(this.limits, perAddress);
    this.#keepalive = options.keepalive ?? 15;
    this.#backplane = this.#join(options.backplane);
  }

  /** Keys registered at this node. */
  get size(): number {
    return this.#registrations.size;
  }
  /** Bytes that wait for receivers at this node. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { queuedBytes } of this.#registrations.values()) bytes += queuedBytes;
    return bytes;
  }
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Gives a proven key its term: greater than any that this node, the backplane or the client knows of. The term is the
   * client's until it attaches, `signal` aborts, or 30 s have passed.
   */
  async admit(publicKey: string, lastTerm: number, { signal, network = null }: Applicant = {}): Promise<Admission> {
    const elsewhere = await this.#backplane.highestTerm(publicKey);
    if (this.#draining) return { ok: false, failure: RESTARTING };
    const now = Date.now();
    this.#terms.expire(now);
    const held = this.#registrations.get(publicKey)?.claim.term ?? 0;
    const term = Math.min(MAX_TERM, Math.max(elsewhere, held, this.#terms.highest(publicKey), lastTerm) + 1);
    if (signal?.aborted !== true) this.#terms.give(publicKey, term, now, signal);
    const meter = this.#rates.meter(publicKey, network);
    return { ok: true, term, limits: this.limits, keepalive: this.#keepalive, meter };
  }

  /** Takes an admitted socket: its messages are routed from here, and of two sockets of a key the older is closed with 4409. */
  attach(socket: RegisteredSocket): void {
    if (this.#draining) return socket.close(RESTARTING);
    const key = socket.publicKey;
    const claim: Claim = { key, term: socket.term, nodeId: this.nodeId, connectionId: ++this.#connectionId };
    this.#terms.take(key, socket.term);
    const held = this.#registrations.get(key);
    const greater = held === undefined || compareClaims(claim, held.claim) > 0;
    this.#step(key, greater ? 'attached-greater' : 'attached-lesser', new Registration(socket, claim));
  }

  /**
   * Asks every client to come back after `reconnectInMs` + random(0..spreadMs), and closes with 1012 those who have not
   * left `deadlineMs` later. Resolves when all are gone; nobody is admitted from here on.
   */
  async drain({ reconnectInMs = 0, spreadMs = 5_000, deadlineMs = 10_000 }: DrainOptions = {}): Promise<void> {
    this.#draining = true;
    for (const { socket } of [...this.#registrations.values()])
      socket.notify({ type: 'RESTARTING', reconnectIn: reconnectInMs, spread: spreadMs });
    if (this.#registrations.size > 0) {
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, deadlineMs);
        this.#emptied = () => {
          clearTimeout(deadline);
          resolve();
        };
      });
    }
    this.close();
  }

  /** Closes every socket with 1012 and leaves the backplane. */
  close(): void {
    this.#draining = true;
    this.#rates.close();
    const all = [...this.#registrations.values()];
    this.#registrations.clear();
    this.#emptied?.();
    for (const registration of all) {
      registration.held = false;
      this.#backplane.gone(registration.claim.key, registration.claim.term);
      registration.socket.close(RESTARTING);
    }
    this.#backplane.leave();
  }

  #join(backplane: Backplane | undefined): BackplaneLink {
    if (backplane === undefined) return LONE_NODE;
    if (this.limits.maxMessage > backplane.maxMessageBytes)
      throw new RangeError(`limits.maxMessage is at most ${backplane.maxMessageBytes} bytes on this backplane`);
    return backplane.join({
      nodeId: this.nodeId,
      claimed: (claim) => this.#claimed(claim),
      message: (to, message) => this.#fromBackplane(to, message),
      gone: (key) => this.#tellGone(key),
      undeliverable: (to, from, head, code) => this.#notifyUndeliverable(from, to, head, code),
    });
  }

  /** Takes a key one step through the table of newest wins. */
  #step(key: string, event: KeyEvent, newer?: Registration): void {
    const held = this.#registrations.get(key);
    const { actions } = NEWEST_WINS[held === undefined ? 'absent' : 'held'][event];
    for (const action of actions) {
      if (action === 'hold' && newer !== undefined) this.#hold(newer);
      else if (action === 'refuse-new' && newer !== undefined) this.#replace(newer);
      else if (held === undefined) continue;
      else if (action === 'close-held') this.#replace(held);
      else if (action === 'announce') this.#backplane.claim(held.claim);
      else if (action === 'leave') {
        held.held = false;
        this.#registrations.delete(key);
        this.#backplane.release(key);
        if (this.#registrations.size === 0) this.#emptied?.();
      } else if (action === 'tell-gone') {
        this.#backplane.gone(key, held.claim.term);
        this.#tellGone(key);
      }
    }
  }

  #hold(registration: Registration): void {
    const { socket, claim } = registration;
    this.#registrations.set(claim.key, registration);
    socket.onmessage = (message) => this.#route(registration, message);
    socket.onwritten = (count) => registration.written(count);
    socket.onclose = () => {
      if (registration.held) this.#step(claim.key, 'closed');
    };
    this.#backplane.claim(claim);
  }

  #replace(older: Registration): void {
    older.held = false;
    this.counters.replaced++;
    older.socket.onmessage = null;
    older.socket.close({ code: 'replaced', detail: 'this key has registered elsewhere' });
  }

  #claimed(heard: Claim): void {
    const held = this.#registrations.get(heard.key);
    if (held === undefined) return;
    const order = compareClaims(heard, held.claim);
    this.#step(heard.key, order > 0 ? 'heard-greater' : order < 0 ? 'heard-lesser' : 'heard-same');
  }

  #route(sender: Registration, message: Uint8Array): void {
    const route = sender.routeOf(message);
    if (message.length > this.limits.maxMessage) return this.#refuse(sender, route.address, message, 'too-large');
    const { socket } = sender;
    // The very buffer that came goes on, with the sender's key over the receiver's: no client can claim another's.
    message.set(socket.publicKeyBytes, 1);
    const receiver = this.#receiverOf(route);
    const code =
      receiver === null
        ? this.#backplane.publish(route.address, socket.publicKey, message)
        : receiver.deliver(socket.publicKey, message)
          ? null
          : 'congested';
    if (code !== null) return this.#refuse(sender, route.address, message, code);
    this.counters.routed++;
    this.counters.routedBytes += message.length;
    if (route.notedAt !== this.#correspondences.forgotten) this.#note(socket.publicKey, route);
  }

  #receiverOf(route: Route): Registration | null {
    if (route.receiver === null || !route.receiver.held)
      route.receiver = this.#registrations.get(route.address) ?? null;
    return route.receiver;
  }

  #note(from: string, route: Route): void {
    this.#correspondences.note(from, route.address);
    if (route.receiver !== null) this.#correspondences.note(route.receiver.claim.key, from);
    route.notedAt = this.#correspondences.forgotten;
  }

  #fromBackplane(to: string, message: Uint8Array): UndeliverableCode | null {
    const receiver = this.#registrations.get(to);
    if (receiver === undefined) return 'offline';
    const from = encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES));
    if (!receiver.deliver(from, message)) return 'congested';
    this.counters.routed++;
    this.counters.routedBytes += message.length;
    this.#correspondences.note(to, from);
    return null;
  }

  #refuse(sender: Registration, to: string, message: Uint8Array, code: UndeliverableCode): void {
    const head = message.subarray(MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + UNDELIVERABLE_HEAD_BYTES);
    this.#notifyUndeliverable(sender.claim.key, to, head, code);
  }

  #notifyUndeliverable(from: string, to: string, head: Uint8Array, code: UndeliverableCode): void {
    this.counters.undeliverable[code]++;
    this.#registrations.get(from)?.socket.notify({ type: 'UNDELIVERABLE', to, head: encodeHex(head), code });
  }

  #tellGone(key: string): void {
    // Gone from one node, it may have come to this one.
    if (this.#registrations.has(key)) return;
    for (const peer of this.#correspondences.gone(key)) {
      this.counters.peerGone++;
      this.#registrations.get(peer)?.socket.notify({ type: 'PEER_GONE', publicKey: key });
    }
  }
}

/** @throws RangeError that names the rate that is not above 0 */
function checkRate(name: string, { messagesPerSecond, bytesPerSecond }: Rate): void {
  if (!(messagesPerSecond > 0)) throw new RangeError(`${name}.messagesPerSecond is above 0`);
  if (!(bytesPerSecond > 0)) throw new RangeError(`${name}.bytesPerSecond is above 0`);
}
