import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import {
  MESSAGE_HEAD_BYTES,
  UNDELIVERABLE_CODES,
  UNDELIVERABLE_HEAD_BYTES,
  type UndeliverableCode,
} from '@sws/protocol';
import type { BackplaneLink, BackplaneNode, Claim } from '@sws/router';
import { decodeClaim, decodeTerm, encodeClaim } from './claim-message.js';
import type { NatsCounters } from './counters.js';
import { PublishWindow } from './publish-window.js';
import { Subjects } from './subjects.js';

/** Claims are repeated this often, so that nodes that missed one agree in the end (PROTOCOL §2, Same key twice). */
const REPEAT_CLAIMS_MS = 60_000;
/** Claims said in one turn of the event loop: messages pass in between. */
const CLAIMS_PER_TURN = 250;
/** The holder of a key is asked for its term for at most this long. */
const TERM_TIMEOUT_MS = 1_000;
/** For this long after NATS came back, that nobody holds a key may only mean that its node has not come back yet. */
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
    this.#own = [
      this.#subscribe(this.#subjects.replies, (message) => this.#reply(message)),
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
      // Only nodes that hold the key answer; where there is none, NATS says so at once (503).
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
      // Subscribed before it is said: of two that claim at once, at least one hears the other.
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
    // What is given to a client that is not connected is dropped when it connects: better that channels keep it.
    if (!this.#connected || !this.#window.hasRoom(bytes)) return this.#refuse('congested');
    if (bytes > (this.#nats.info?.max_payload ?? 0)) return this.#refuse('too-large');
    const head = message.subarray(MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + UNDELIVERABLE_HEAD_BYTES);
    const reply = this.#subjects.reply({ from, to, head });
    if (!this.#send(this.#subjects.of(to, 'message'), message, reply)) return this.#refuse('congested');
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
    this.#left = true;
    clearInterval(this.#repeat);
    for (const subscription of this.#own) subscription.unsubscribe();
    for (const key of [...this.#held.keys()]) this.release(key);
  }

  /** The connection to NATS was lost. */
  disconnected(): void {
    this.#connected = false;
    this.#counters.unconfirmedBytes += this.#window.lost();
  }

  /** NATS is back, with all subscriptions: what was claimed elsewhere meanwhile is settled now. */
  reconnected(): void {
    this.#connected = true;
    this.#graceUntil = Date.now() + RETURN_GRACE_MS;
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
      this.#counters.errors++; // closed for good: `closed` is told
      return false;
    }
  }

  /** What a callback throws would end the library's reader, and with it the connection. */
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

  #ofKey(key: string, message: Msg): void {
    switch (this.#subjects.what(message.subject)) {
      case 'message': {
        if (message.data.length < MESSAGE_HEAD_BYTES) return void this.#counters.malformed++;
        this.#counters.received++;
        this.#counters.receivedBytes += message.data.length;
        // The library's buffer holds other messages too; a slow receiver's queue must keep only its own bytes.
        const code = this.#node.message(key, new Uint8Array(message.data)); // a Buffer's slice would not copy
        if (code !== null && message.reply) this.#send(message.reply, code);
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

  #reply(message: Msg): void {
    const sent = this.#subjects.sent(message.subject);
    const code = message.headers?.code === 503 ? this.#nobody() : codeOf(message.string());
    if (sent === null || code === null) return void this.#counters.malformed++;
    this.#node.undeliverable(sent.to, sent.from, sent.head, this.#refuse(code));
  }

  #refuse(code: UndeliverableCode): UndeliverableCode {
    this.#counters.undeliverable[code]++;
    return code;
  }

  #nobody(): UndeliverableCode {
    return Date.now() < this.#graceUntil ? 'congested' : 'offline';
  }

  #gone(message: Msg): void {
    const [key = '', text = ''] = message.string().split(' ');
    const term = Number(text);
    if (key.length !== 64 || !Number.isSafeInteger(term)) this.#counters.malformed++;
    else this.#node.gone(key, term);
  }
}

function codeOf(text: string): UndeliverableCode | null {
  return UNDELIVERABLE_CODES.find((code) => code === text) ?? null;
}
