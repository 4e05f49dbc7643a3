import { encodeHex } from '@sws/crypto';
import {
  decodeMessage,
  type Failure,
  type Limits,
  MAX_MAX_MESSAGE_BYTES,
  MAX_TERM,
  MESSAGE_HEAD_BYTES,
  MIN_MAX_MESSAGE_BYTES,
  UNDELIVERABLE_HEAD_BYTES,
  type UndeliverableCode,
} from '@sws/protocol';
import { type Backplane, type BackplaneLink, inProcessBackplane } from './backplane.js';
import { answerClaim, type Claim } from './claim.js';
import { Correspondents } from './correspondents.js';
import { ReceiverQueue } from './receiver-queue.js';
import type { RegisteredSocket } from './registered-socket.js';

/** Settings of a router. */
export interface RouterOptions {
  /** Unique among the nodes of one backplane. @defaultValue random */
  readonly nodeId?: string;
  /** @defaultValue in-process */
  readonly backplane?: Backplane;
  /** What clients are told and held to. @defaultValue 65,536 bytes, 1,000 messages/s, 8 MiB/s */
  readonly limits?: Partial<Limits>;
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

/** The answer to a client that has proven its key. */
export type Admission =
  | { readonly ok: true; readonly term: number; readonly limits: Limits; readonly keepalive: number }
  | { readonly ok: false; readonly failure: Failure };

interface Registration {
  readonly socket: RegisteredSocket;
  readonly claim: Claim;
  readonly queue: ReceiverQueue;
  readonly correspondents: Correspondents;
  /** The receiver of the last MESSAGE: the next mostly goes there too. */
  lastTo: { readonly key: Uint8Array; readonly address: string } | null;
}

const DEFAULT_LIMITS: Limits = {
  maxMessage: MIN_MAX_MESSAGE_BYTES,
  messagesPerSecond: 1_000,
  bytesPerSecond: 8 * 1_048_576,
};

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
  #connectionId = 0;
  #draining = false;

  constructor(options: RouterOptions = {}) {
    this.nodeId = options.nodeId ?? crypto.randomUUID();
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    if (this.limits.maxMessage < MIN_MAX_MESSAGE_BYTES || this.limits.maxMessage > MAX_MAX_MESSAGE_BYTES) {
      throw new RangeError(`limits.maxMessage is from ${MIN_MAX_MESSAGE_BYTES} to ${MAX_MAX_MESSAGE_BYTES} bytes`);
    }
    this.#keepalive = options.keepalive ?? 15;
    const backplane = options.backplane ?? inProcessBackplane();
    if (this.limits.maxMessage > backplane.maxMessageBytes)
      throw new RangeError(`limits.maxMessage is at most ${backplane.maxMessageBytes} bytes on this backplane`);
    this.#backplane = backplane.join({
      nodeId: this.nodeId,
      claimed: (claim) => this.#claimed(claim),
      message: (to, message) => this.#fromBackplane(to, message),
      gone: (key) => this.#tellGone(key),
      undeliverable: (to, from, head, code) => this.#notifyUndeliverable(from, to, head, code),
    });
  }

  /** Keys registered at this node. */
  get size(): number {
    return this.#registrations.size;
  }
  /** Bytes that wait for receivers at this node. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { queue } of this.#registrations.values()) bytes += queue.bytes;
    return bytes;
  }
  get draining(): boolean {
    return this.#draining;
  }

  /** Gives a proven key its term: greater than any that this node, the backplane or the client knows of. */
  async admit(publicKey: string, lastTerm: number): Promise<Admission> {
    if (this.#draining) return { ok: false, failure: { code: 'restarting', detail: 'the relay is restarting' } };
    const known = Math.max(
      await this.#backplane.highestTerm(publicKey),
      this.#registrations.get(publicKey)?.claim.term ?? 0,
      lastTerm,
    );
    return { ok: true, term: Math.min(MAX_TERM, known + 1), limits: this.limits, keepalive: this.#keepalive };
  }

  /** Takes an admitted socket: its messages are routed from here, and an older socket of the key is closed with 4409. */
  attach(socket: RegisteredSocket): void {
    const key = socket.publicKey;
    const claim: Claim = { key, term: socket.term, nodeId: this.nodeId, connectionId: ++this.#connectionId };
    const registration: Registration = {
      socket,
      claim,
      queue: new ReceiverQueue(),
      correspondents: new Correspondents(),
      lastTo: null,
    };
    const older = this.#registrations.get(key);
    this.#registrations.set(key, registration);
    socket.onmessage = (message) => this.#route(registration, message);
    socket.onclose = () => this.#closed(registration);
    this.#backplane.claim(claim);
    if (older !== undefined) this.#replace(older);
  }

  /**
   * Asks every client to come back after `reconnectInMs` + random(0..spreadMs), and closes with 1012 those who have not
   * left `deadlineMs` later. Resolves when all are gone.
   */
  async drain({
    reconnectInMs = 0,
    spreadMs = 5_000,
    deadlineMs = 10_000,
  }: {
    reconnectInMs?: number;
    spreadMs?: number;
    deadlineMs?: number;
  } = {}): Promise<void> {
    this.#draining = true;
    for (const { socket } of this.#registrations.values())
      socket.notify({ type: 'RESTARTING', reconnectIn: reconnectInMs, spread: spreadMs });
    const end = Date.now() + deadlineMs;
    while (this.#registrations.size > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    this.close();
  }

  /** Closes every socket with 1012 and leaves the backplane. */
  close(): void {
    this.#draining = true;
    for (const { socket } of [...this.#registrations.values()])
      socket.close({ code: 'restarting', detail: 'the relay is restarting' });
    this.#backplane.leave();
  }

  #route(sender: Registration, message: Uint8Array): void {
    const decoded = decodeMessage(message);
    if (!decoded.ok) return;
    const { key, content } = decoded.value;
    const to = this.#addressOf(sender, key);
    if (message.length > this.limits.maxMessage) return this.#refuse(sender, to, content, 'too-large');
    sender.correspondents.note(to);
    const from = sender.socket.publicKey;
    const receiver = this.#registrations.get(to);
    // The very buffer that came goes on, with the sender's key over the receiver's: no client can claim another's.
    key.set(sender.socket.publicKeyBytes);
    if (receiver !== undefined) {
      const code = this.#deliver(receiver, from, message);
      if (code !== null) this.#refuse(sender, to, content, code);
      return;
    }
    const code = this.#backplane.publish(to, from, message);
    if (code === null) this.#count(message);
    else this.#refuse(sender, to, content, code);
  }

  #deliver(receiver: Registration, from: string, message: Uint8Array): UndeliverableCode | null {
    const bytes = message.length;
    if (!receiver.queue.take(from, bytes)) return 'congested';
    receiver.correspondents.note(from);
    this.#count(message);
    receiver.socket.deliver(message, () => receiver.queue.release(from, bytes));
    return null;
  }

  #count(message: Uint8Array): void {
    this.counters.routed++;
    this.counters.routedBytes += message.length;
  }

  #fromBackplane(to: string, message: Uint8Array): UndeliverableCode | null {
    const receiver = this.#registrations.get(to);
    if (receiver === undefined) return 'offline';
    return this.#deliver(receiver, encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES)), message);
  }

  #refuse(sender: Registration, to: string, content: Uint8Array, code: UndeliverableCode): void {
    this.counters.undeliverable[code]++;
    sender.socket.notify({
      type: 'UNDELIVERABLE',
      to,
      head: encodeHex(content.subarray(0, UNDELIVERABLE_HEAD_BYTES)),
      code,
    });
  }

  #notifyUndeliverable(from: string, to: string, head: Uint8Array, code: UndeliverableCode): void {
    const sender = this.#registrations.get(from);
    if (sender !== undefined) this.#refuse(sender, to, head, code);
  }

  #claimed(heard: Claim): void {
    const own = this.#registrations.get(heard.key);
    if (own === undefined) return;
    const answer = answerClaim(own.claim, heard);
    if (answer === 'announce-own') this.#backplane.claim(own.claim);
    else if (answer === 'close-own') {
      this.#registrations.delete(heard.key);
      this.#backplane.release(heard.key);
      this.#replace(own);
    }
  }

  #replace(older: Registration): void {
    this.counters.replaced++;
    older.socket.onmessage = null;
    older.socket.onclose = null;
    older.socket.close({ code: 'replaced', detail: 'this key has registered elsewhere' });
  }

  #closed(registration: Registration): void {
    const key = registration.socket.publicKey;
    if (this.#registrations.get(key) !== registration) return;
    this.#registrations.delete(key);
    this.#backplane.release(key);
    this.#backplane.gone(key, registration.claim.term);
    for (const peer of registration.correspondents) this.#tellGoneTo(peer, key);
  }

  #tellGone(key: string): void {
    for (const { socket, correspondents } of this.#registrations.values()) {
      if (correspondents.has(key)) this.#tellGoneTo(socket.publicKey, key);
    }
  }

  #tellGoneTo(peer: string, key: string): void {
    const registration = this.#registrations.get(peer);
    if (registration === undefined) return;
    this.counters.peerGone++;
    registration.socket.notify({ type: 'PEER_GONE', publicKey: key });
  }

  #addressOf(sender: Registration, key: Uint8Array): string {
    const last = sender.lastTo;
    if (last !== null) {
      let i = 0;
      while (i < 32 && last.key[i] === key[i]) i++;
      if (i === 32) return last.address;
    }
    const address = encodeHex(key);
    sender.lastTo = { key: key.slice(), address };
    return address;
  }
}
