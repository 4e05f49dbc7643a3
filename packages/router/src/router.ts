import { encodeHex } from '@sws/crypto';
import type { Failure, Limits, UndeliverableCode } from '@sws/protocol';
import {
  type Admission,
  type Applicant,
  MAX_MAX_MESSAGE_BYTES,
  MESSAGE_HEAD_BYTES,
  MIN_MAX_MESSAGE_BYTES,
  nextTerm,
  type Rate,
  UNDELIVERABLE_HEAD_BYTES,
} from '@sws/protocol/internal';
import type { Backplane, BackplaneLink } from './backplane.js';
import { type Claim, compareClaims } from './claim.js';
import { LONE_NODE } from './lone-node.js';
import { type KeyEvent, NEWEST_WINS } from './newest-wins.js';
import { PendingTerms } from './pending-terms.js';
import { QueueBudget } from './queue-budget.js';
import { RateLimits } from './rate-limits.js';
import { RecentPeers } from './recent-peers.js';
import type { RegisteredSocket } from './registered-socket.js';
import { Registration, type Route } from './registration.js';
import type { DrainOptions, RouterBounds, RouterCounters, RouterOptions } from './router-options.js';

const DEFAULT_LIMITS: Limits = {
  maxMessage: MIN_MAX_MESSAGE_BYTES,
  messagesPerSecond: 1_000,
  bytesPerSecond: 8 * 1_048_576,
};
const ADDRESS_FACTOR = 10;
const TERM_REFUSED: Failure = { code: 'term-refused', detail: 'lastTerm is further ahead than any relay gives' };
const RESTARTING: Failure = { code: 'restarting', detail: 'the relay is restarting' };

/** Routes sealed MESSAGEs between registered keys; the newest registration of a key wins (PROTOCOL §2, §3). */
export class Router {
  /** This node's name on its backplane. */
  readonly nodeId: string;
  /** What the router has done since it started. Read the counters; do not change them. */
  readonly counters: RouterCounters = {
    routed: 0,
    routedBytes: 0,
    replaced: 0,
    peerGone: 0,
    undeliverable: { offline: 0, congested: 0, 'message-too-large': 0, forbidden: 0 },
    queueFull: { receiver: 0, address: 0, node: 0 },
  };
  readonly #backplane: BackplaneLink;
  readonly #keepalive: number;
  readonly #registrations = new Map<string, Registration>();
  readonly #recentPeers = new RecentPeers();
  readonly #terms = new PendingTerms();
  readonly #rates: RateLimits;
  readonly #queues: QueueBudget;
  #limits: Limits;
  #connectionId = 0;
  #draining = false;
  /** Ends the wait of `drain`. */
  #emptied: (() => void) | null = null;

  /** @throws RangeError for a limit out of its range */
  constructor(options: RouterOptions = {}) {
    this.nodeId = options.nodeId ?? crypto.randomUUID();
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { maxMessage } = this.#limits;
    if (!(maxMessage >= MIN_MAX_MESSAGE_BYTES && maxMessage <= MAX_MAX_MESSAGE_BYTES))
      throw new RangeError(
        `limits.maxMessage must be ${MIN_MAX_MESSAGE_BYTES}–${MAX_MAX_MESSAGE_BYTES} bytes, got ${maxMessage}`,
      );
    const perAddress = addressRate(this.#limits, options.addressLimits);
    checkRate('limits', this.#limits);
    checkRate('addressLimits', perAddress);
    this.#rates = new RateLimits(this.#limits, perAddress);
    this.#queues = new QueueBudget(options.maxQueuedBytes, options.maxQueuedBytesPerAddress);
    this.#keepalive = options.keepalive ?? 15;
    this.#backplane = this.#join(options.backplane);
  }

  /** The limits that newly registered clients are told. */
  get limits(): Limits {
    return this.#limits;
  }
  /** The sockets registered at this node. */
  *sockets(): IterableIterator<RegisteredSocket> {
    for (const { socket } of this.#registrations.values()) yield socket;
  }
  /** The socket of a key that is registered at this node. */
  socketOf(publicKey: string): RegisteredSocket | undefined {
    return this.#registrations.get(publicKey)?.socket;
  }
  /** How many keys are registered at this router. Each worker of a relay has its own router. */
  get size(): number {
    return this.#registrations.size;
  }
  /**
   * The bytes that wait for receivers at this node, including 256 for each MESSAGE. Bytes of a closed connection count
   * until they are dropped.
   */
  get queuedBytes(): number {
    return this.#queues.bytes;
  }
  /** How many bytes may wait for receivers at this node. */
  get maxQueuedBytes(): number {
    return this.#queues.maxBytes;
  }
  /** Whether `drain` or `close` was called. No client is admitted then. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Gives a proven key its term (PROTOCOL §2, Terms). The term is greater than any that this node, the backplane or the
   * client knows. A `lastTerm` that is too far ahead is refused. The term is reserved until the client attaches,
   * `signal` aborts, or 30 s have passed.
   */
  async admit(
    publicKey: string,
    lastTerm: number,
    applicant: Partial<Applicant<AbortSignal>> = {},
  ): Promise<Admission> {
    const { signal, network = null, rate } = applicant;
    const elsewhere = await this.#backplane.highestTerm(publicKey);
    if (this.#draining) return { ok: false, failure: RESTARTING };
    const now = performance.now();
    this.#terms.expire(now);
    const held = this.#registrations.get(publicKey)?.claim.term ?? 0;
    const known = Math.max(elsewhere, held, this.#terms.highest(publicKey));
    const term = nextTerm(known, lastTerm, Date.now());
    if (term === null) return { ok: false, failure: TERM_REFUSED };
    if (signal?.aborted !== true) this.#terms.give(publicKey, term, now, signal);
    const limits = rate === undefined ? this.#limits : { ...this.#limits, ...rate };
    const meter = this.#rates.meter(publicKey, network, rate === undefined ? null : limits);
    return { ok: true, term, limits, keepalive: this.#keepalive, meter };
  }

  /**
   * Changes rates and bounds of queues, also for connected clients. An absent one returns to its default. Clients are
   * told new limits when they next register. @throws RangeError for a limit out of its range; then nothing changes
   */
  setBounds({ limits, addressLimits, maxQueuedBytes, maxQueuedBytesPerAddress }: RouterBounds): void {
    const { messagesPerSecond, bytesPerSecond } = DEFAULT_LIMITS;
    const perKey = { ...this.#limits, messagesPerSecond, bytesPerSecond, ...limits };
    const perAddress = addressRate(perKey, addressLimits);
    checkRate('limits', perKey);
    checkRate('addressLimits', perAddress);
    this.#queues.setBounds(maxQueuedBytes, maxQueuedBytesPerAddress);
    this.#limits = perKey;
    this.#rates.perKey = perKey;
    this.#rates.perAddress = perAddress;
  }

  /** Adds an admitted socket and routes its messages. If a key has two sockets, the older one is closed with 4409. */
  add(socket: RegisteredSocket): void {
    if (this.#draining) return socket.close(RESTARTING);
    const key = socket.publicKey;
    const claim: Claim = { key, term: socket.term, nodeId: this.nodeId, connectionId: ++this.#connectionId };
    this.#terms.settle(key, socket.term);
    const held = this.#registrations.get(key);
    const greater = held === undefined || compareClaims(claim, held.claim) > 0;
    this.#step(key, greater ? 'attached-greater' : 'attached-lesser', new Registration(socket, claim));
  }

  /**
   * Asks every client to reconnect after `reconnectInMs` + random(0..spreadMs). After `deadlineMs`, clients that have
   * not left are closed with 1012. Resolves when all are gone. No client is admitted from here on.
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
      throw new RangeError(`limits.maxMessage must be at most ${backplane.maxMessageBytes} bytes on this backplane`);
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
    registration.open(this.#queues.address(socket.network));
    socket.onmessage = (message) => this.#route(registration, message);
    socket.onwritten = (count) => registration.written(count);
    socket.onclose = () => {
      registration.closed();
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
    if (message.length > this.limits.maxMessage)
      return this.#refuse(sender, route.address, message, 'message-too-large');
    const { socket } = sender;
    // Forward the same buffer, with the sender's key written over the receiver's. No client can claim another's key.
    message.set(socket.publicKeyBytes, 1);
    const receiver = this.#receiverOf(route);
    const code =
      receiver === null
        ? this.#backplane.publish(route.address, socket.publicKey, message)
        : this.#deliver(receiver, socket.publicKey, message);
    if (code !== null) return this.#refuse(sender, route.address, message, code);
    this.counters.routed++;
    this.counters.routedBytes += message.length;
    if (route.notedAt !== this.#recentPeers.generation) this.#note(socket.publicKey, route);
  }

  #receiverOf(route: Route): Registration | null {
    if (route.receiver === null || !route.receiver.held)
      route.receiver = this.#registrations.get(route.address) ?? null;
    return route.receiver;
  }

  #note(from: string, route: Route): void {
    this.#recentPeers.note(from, route.address);
    if (route.receiver !== null) this.#recentPeers.note(route.receiver.claim.key, from);
    route.notedAt = this.#recentPeers.generation;
  }

  #fromBackplane(to: string, message: Uint8Array): UndeliverableCode | null {
    const receiver = this.#registrations.get(to);
    if (receiver === undefined) return 'offline';
    const sender = receiver.senderOf(message);
    const code = this.#deliver(receiver, sender.address, message);
    if (code !== null) return code;
    this.counters.routed++;
    this.counters.routedBytes += message.length;
    if (sender.notedAt !== this.#recentPeers.generation) this.#note(to, sender);
    return null;
  }

  #deliver(receiver: Registration, from: string, message: Uint8Array): 'congested' | null {
    const full = receiver.deliver(from, message);
    if (full === null) {
      if (receiver.isBacklog) this.#tellBacklog(from, receiver.claim.key);
      return null;
    }
    this.counters.queueFull[full]++;
    return 'congested';
  }

  #refuse(sender: Registration, to: string, message: Uint8Array, code: UndeliverableCode): void {
    const head = message.subarray(MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + UNDELIVERABLE_HEAD_BYTES);
    this.#notifyUndeliverable(sender.claim.key, to, head, code);
  }

  #notifyUndeliverable(from: string, to: string, head: Uint8Array, code: UndeliverableCode): void {
    this.counters.undeliverable[code]++;
    this.#registrations.get(from)?.socket.notify({ type: 'UNDELIVERABLE', to, head: encodeHex(head), code });
  }

  /** Tells a sender of its backlog. A sender at another node measures it itself, a round trip later. */
  #tellBacklog(from: string, to: string): void {
    this.#registrations.get(from)?.socket.notify({ type: 'BACKLOG', to });
  }

  #tellGone(key: string): void {
    // A key that left another node may have connected to this one.
    if (this.#registrations.has(key)) return;
    for (const peer of this.#recentPeers.gone(key)) {
      this.counters.peerGone++;
      this.#registrations.get(peer)?.socket.notify({ type: 'PEER_GONE', publicKey: key });
    }
  }
}

function addressRate({ messagesPerSecond, bytesPerSecond }: Rate, given: Partial<Rate> | undefined): Rate {
  return {
    messagesPerSecond: messagesPerSecond * ADDRESS_FACTOR,
    bytesPerSecond: bytesPerSecond * ADDRESS_FACTOR,
    ...given,
  };
}

/** @throws RangeError that names the rate that is not above 0 */
function checkRate(name: string, { messagesPerSecond, bytesPerSecond }: Rate): void {
  if (!(messagesPerSecond > 0))
    throw new RangeError(`${name}.messagesPerSecond must be above 0, got ${messagesPerSecond}`);
  if (!(bytesPerSecond > 0)) throw new RangeError(`${name}.bytesPerSecond must be above 0, got ${bytesPerSecond}`);
}
