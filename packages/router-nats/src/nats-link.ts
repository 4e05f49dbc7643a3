import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { encodeHex } from '@sws/crypto';
import { UNDELIVERABLE_CODES, type UndeliverableCode } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES, UNDELIVERABLE_HEAD_BYTES } from '@sws/protocol/internal';
import type { BackplaneLink, BackplaneNode, Claim } from '@sws/router';
import { decodeClaim, decodeTerm, encodeClaim } from './claim-message.js';
import type { NatsCounters } from './counters.js';
import { NodeBatches, readBatch } from './node-batches.js';
import { PublishWindow } from './publish-window.js';
import { isNodeId, Subjects } from './subjects.js';

/** How often claims are repeated, so that nodes that missed one agree in the end (PROTOCOL §2, Same key twice). */
const REPEAT_CLAIMS_MS = 60_000;
/** Claims published in one turn of the event loop. Messages can pass between two turns. */
const CLAIMS_PER_TURN = 250;
/** How long to wait for a term from the node that holds a key. */
const TERM_TIMEOUT_MS = 1_000;
/** The answer of a node that took a MESSAGE by its key. Later MESSAGEs may go into that node's batch. */
const HERE = 'here ';
/** Sockets write MESSAGEs of at least this size without a copy. */
const COPY_FROM_BYTES = 8_192;
/** For this long after NATS is back, a key without a holder may belong to a node that is not yet back. */
const RETURN_GRACE_MS = 5_000;

interface Held {
  claim: Claim;
  readonly subscription: Subscription;
}

/** One node's link over one NATS connection. */
export class NatsLink implements BackplaneLink {
  readonly #nats: NatsConnection;
  readonly #node: BackplaneNode;
  readonly #counters: NatsCounters;
  readonly #subjects: Subjects;
  readonly #window: PublishWindow;
  readonly #batches: NodeBatches;
  readonly #held = new Map<string, Held>();
  readonly #own: Subscription[];
  readonly #repeat: ReturnType<typeof setInterval>;
  #connected = true;
  #graceUntil = 0;
  #round = 0;
  #left = false;

  constructor(nats: NatsConnection, prefix: string, node: BackplaneNode, counters: NatsCounters) {
    this.#nats = nats;
    this.#node = node;
    this.#counters = counters;
    this.#subjects = new Subjects(prefix, node.nodeId);
    this.#window = new PublishWindow(() => nats.flush());
    const maxPayload = (): number => nats.info?.max_payload ?? 0;
    this.#batches = new NodeBatches(node.nodeId, (nodeId, bytes) => this.#sendBatch(nodeId, bytes), maxPayload);
    this.#own = [
      this.#subscribe(this.#subjects.own, (message) => this.#told(message)),
      this.#subscribe(this.#subjects.gone, (message) => this.#gone(message)),
    ];
    this.#repeat = setInterval(() => void this.#announceAll(), REPEAT_CLAIMS_MS);
    this.#repeat.unref();
  }

  get unconfirmedBytes(): number {
    return this.#window.unconfirmedBytes;
  }

  async highestTerm(key: string): Promise<number> {
    if (!this.#connected) return 0;
    try {
      // Only nodes that hold the key answer. If there is none, NATS says so at once (503).
      const answer = await this.#nats.request(this.#subjects.of(key, 'term'), undefined, { timeout: TERM_TIMEOUT_MS });
      const term = decodeTerm(answer.data);
      if (term === null) this.#counters.malformed++;
      return term ?? 0;
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') this.#counters.termTimeouts++;
      return 0;
    }
  }

  claim(claim: Claim): void {
    if (this.#left) return;
    const held = this.#held.get(claim.key);
    if (held === undefined) {
      const { key } = claim;
      this.#batches.forget(key);
      // Subscribe before the claim. If two nodes claim at once, at least one receives the other's claim.
      const subscription = this.#subscribe(this.#subjects.all(key), (message) => this.#ofKey(key, message));
      this.#held.set(key, { claim, subscription });
    } else held.claim = claim;
    this.#announce(claim);
  }

  release(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    held.subscription.unsubscribe();
  }

  publish(to: string, from: string, message: Uint8Array): UndeliverableCode | null {
    const bytes = message.length;
    // The NATS client drops what it gets while disconnected. Refuse it here, and channels keep it.
    if (!this.#connected || !this.#window.hasRoom(bytes)) return this.#refuse('congested');
    if (bytes > (this.#nats.info?.max_payload ?? 0)) return this.#refuse('message-too-large');
    if (!this.#batches.message(to, message) && !this.#sendByKey(to, from, message)) return this.#refuse('congested');
    this.#counters.published++;
    this.#counters.publishedBytes += bytes;
    this.#window.add(bytes);
    return null;
  }

  gone(key: string, term: number): void {
    if (this.#connected) this.#send(this.#subjects.gone, `${key} ${term}`);
  }

  leave(): void {
    if (this.#left) return;
    this.#batches.flush();
    this.#left = true;
    clearInterval(this.#repeat);
    for (const subscription of this.#own) subscription.unsubscribe();
    for (const key of [...this.#held.keys()]) this.release(key);
  }

  /** The connection to NATS was lost. */
  disconnected(): void {
    this.#connected = false;
    this.#batches.clear();
    this.#counters.unconfirmedBytes += this.#window.lost();
  }

  /** NATS is back, with all subscriptions. Settles claims that other nodes made meanwhile. */
  reconnected(): void {
    this.#connected = true;
    this.#graceUntil = performance.now() + RETURN_GRACE_MS;
    void this.#announceAll();
  }

  async #announceAll(): Promise<void> {
    const round = ++this.#round;
    let said = 0;
    for (const { claim } of this.#held.values()) {
      if (++said % CLAIMS_PER_TURN === 0) await nextTurn();
      if (this.#left || round !== this.#round) return;
      this.#announce(claim);
    }
  }

  #announce(claim: Claim): void {
    if (this.#connected) this.#send(this.#subjects.of(claim.key, 'claim'), encodeClaim(claim));
  }

  #send(subject: string, payload: Uint8Array | string, reply?: string): boolean {
    try {
      this.#nats.publish(subject, payload, reply === undefined ? {} : { reply });
      return true;
    } catch {
      this.#counters.errors++; // closed for good; `closed` is reported
      return false;
    }
  }

  /** Subscribes with a callback that cannot throw: an error would end the library's reader and the connection. */
  #subscribe(subject: string, take: (message: Msg) => void): Subscription {
    return this.#nats.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return void this.#counters.errors++;
        try {
          take(message);
        } catch {
          this.#counters.errors++;
        }
      },
    });
  }

  /** Publishes a MESSAGE on the key's subject, which reaches the key at any node. */
  #sendByKey(to: string, from: string, message: Uint8Array): boolean {
    const reply = this.#subjects.reply({ from, to, head: headOf(message) });
    return this.#send(this.#subjects.of(to, 'message'), message, reply);
  }

  #sendBatch(nodeId: string, bytes: Uint8Array): void {
    if (!this.#connected || this.#left) return;
    this.#send(this.#subjects.batch(nodeId), bytes, this.#subjects.batchReply(this.#window.keep(bytes)));
  }

  #ofKey(key: string, message: Msg): void {
    switch (this.#subjects.what(message.subject)) {
      case 'message': {
        if (message.data.length < MESSAGE_HEAD_BYTES) return void this.#counters.malformed++;
        const answer = this.#received(key, message.data) ?? `${HERE}${this.#node.nodeId}`;
        if (message.reply) this.#send(message.reply, answer);
        return;
      }
      case 'claim': {
        const claim = decodeClaim(key, message.data);
        if (claim === null) this.#counters.malformed++;
        else this.#node.claimed(claim);
        return;
      }
      case 'term': {
        const held = this.#held.get(key);
        if (held !== undefined && message.reply) this.#send(message.reply, String(held.claim.term));
        return;
      }
      default:
        this.#counters.malformed++;
    }
  }

  #received(to: string, message: Uint8Array): UndeliverableCode | null {
    this.#counters.received++;
    this.#counters.receivedBytes += message.length;
    // Copy a large MESSAGE: a slow receiver's queue must not keep the library's buffer, which holds others too. Sockets
    // copy small ones themselves, in this turn of the event loop.
    return this.#node.message(to, message.length < COPY_FROM_BYTES ? message : new Uint8Array(message));
  }

  #told(message: Msg): void {
    if (this.#subjects.isBatch(message.subject)) return this.#batch(message.data);
    const nobody = message.headers?.code === 503;
    const number = this.#subjects.batchNumber(message.subject);
    if (number !== null && nobody) return this.#again(this.#window.takeBack(number));
    const sent = this.#subjects.sent(message.subject);
    if (sent === null) return void this.#counters.malformed++;
    const text = nobody ? this.#nobody() : message.string();
    if (text.startsWith(HERE) && isNodeId(text.slice(HERE.length)))
      return this.#batches.learn(sent.to, text.slice(HERE.length));
    const code = codeOf(text);
    if (code === null) return void this.#counters.malformed++;
    this.#undelivered(sent.to, sent.from, sent.head, code);
  }

  #undelivered(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void {
    this.#node.undeliverable(to, from, head, this.#refuse(code));
  }

  #batch(bytes: Uint8Array): void {
    const whole = readBatch(bytes, {
      message: (nodeId, to, message) => {
        if (!this.#held.has(to)) return this.#batches.moved(nodeId, to, message);
        const code = this.#received(to, message);
        if (code !== null) this.#batches.undeliverable(nodeId, to, senderOf(message), headOf(message), code);
      },
      moved: (to, message) => this.#search(to, message),
      undeliverable: (to, from, head, code) => this.#undelivered(to, from, head, code),
    });
    if (!whole) this.#counters.malformed++;
  }

  /** A node is gone, and its batch came back. Looks for the key of each MESSAGE again, and drops other records. */
  #again(bytes: Uint8Array | null): void {
    if (bytes === null) return;
    readBatch(bytes, {
      message: (_nodeId, to, message) => this.#search(to, message),
      moved: () => {},
      undeliverable: () => {},
    });
  }

  /** A MESSAGE was not accepted at its key's last node. Looks for the key again. */
  #search(to: string, message: Uint8Array): void {
    this.#batches.forget(to);
    const from = senderOf(message);
    if (!this.#connected || !this.#sendByKey(to, from, message))
      this.#undelivered(to, from, headOf(message), 'congested');
  }

  #refuse(code: UndeliverableCode): UndeliverableCode {
    this.#counters.undeliverable[code]++;
    return code;
  }

  #nobody(): UndeliverableCode {
    return performance.now() < this.#graceUntil ? 'congested' : 'offline';
  }

  #gone(message: Msg): void {
    const [key = '', text = ''] = message.string().split(' ');
    const term = Number(text);
    if (key.length !== 64 || !Number.isSafeInteger(term)) return void this.#counters.malformed++;
    this.#batches.forget(key);
    this.#node.gone(key, term);
  }
}

function senderOf(message: Uint8Array): string {
  return encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES));
}

function headOf(message: Uint8Array): Uint8Array {
  return message.subarray(MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + UNDELIVERABLE_HEAD_BYTES);
}

function codeOf(text: string): UndeliverableCode | null {
  return UNDELIVERABLE_CODES.find((code) => code === text) ?? null;
}
