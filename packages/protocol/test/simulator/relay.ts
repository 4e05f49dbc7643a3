import { type CryptoProvider, decodeHex, encodeHex, Identity } from '@sws/crypto';
import { undeliverable } from '../../src/frames/relay-frames.js';
import {
  decodeClientFrame,
  decodeMessage,
  encodeFrame,
  encodeMessage,
  type RelayFrame,
  ServerRegistration,
} from '../../src/index.js';
import { nextTerm } from '../../src/registration/term.js';
import type { Clock } from './clock.js';
import type { Link } from './link.js';
import type { Seeded } from './seeded.js';

const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_388_608 } as const;

interface Session {
  readonly registration: ServerRegistration;
  address: string | null;
  json: boolean;
}

/** A relay that does as PROTOCOL §2 and §3 say, with the real `ServerRegistration`. */
export class Relay {
  readonly clock: Clock;
  readonly random: Seeded;
  readonly identity: Identity;
  /** Every link that is not closed, registered or not. */
  readonly links = new Map<Link, Session>();
  readonly #provider: CryptoProvider;
  readonly #registered = new Map<string, Link>();
  readonly #keys = new Map<string, Uint8Array>();
  readonly #terms = new Map<string, number>();
  /** Who exchanged MESSAGEs with whom. */
  readonly #correspondents = new Map<string, Set<string>>();

  constructor(clock: Clock, random: Seeded, provider: CryptoProvider) {
    this.clock = clock;
    this.random = random;
    this.#provider = provider;
    this.identity = Identity.fromSeed(new Uint8Array(32), provider);
  }

  linkOf(address: string): Link | undefined {
    return this.#registered.get(address);
  }

  /** A peer has connected. */
  connected(link: Link): void {
    const { identity } = this;
    const registration = new ServerRegistration({
      identity,
      provider: this.#provider,
      nonce: this.random.bytes(32),
      nowMs: this.clock.now,
    });
    this.links.set(link, { registration, address: null, json: false });
    this.#flush(link, registration);
  }

  received(link: Link, data: string | Uint8Array): void {
    const session = this.links.get(link);
    if (session === undefined) return;
    if (session.address === null) this.#register(link, session, data);
    else if (typeof data !== 'string') {
      const decoded = decodeMessage(data);
      if (decoded.ok) this.route(session.address, encodeHex(decoded.value.key), decoded.value.content);
    } else {
      const decoded = decodeClientFrame(data);
      if (!decoded.ok) return link.close(4400);
      const frame = decoded.value;
      if (frame.type === 'MESSAGE') this.route(session.address, frame.to, frame.content);
      else if (frame.type === 'PING') this.answerPing(link, frame.id);
    }
  }

  closed(link: Link): void {
    const address = this.links.get(link)?.address ?? null;
    this.links.delete(link);
    if (address === null || this.#registered.get(address) !== link) return;
    this.#registered.delete(address);
    for (const peer of this.#correspondents.get(address) ?? [])
      this.tell(peer, { type: 'PEER_GONE', publicKey: address });
  }

  /** Sends a frame to one link, as it is. */
  send(link: Link, frame: RelayFrame): void {
    link.deliver(encodeFrame(frame));
  }

  /** Sends a frame to whoever has registered this key. */
  tell(address: string, frame: RelayFrame): void {
    const link = this.#registered.get(address);
    if (link !== undefined) this.send(link, frame);
  }

  /** Brings a content to a key as from another; whether it is connected. */
  bring(from: string, to: string, content: Uint8Array): boolean {
    const link = this.#registered.get(to);
    if (link === undefined) return false;
    this.#note(from, to);
    this.#note(to, from);
    if (this.links.get(link)?.json) this.send(link, { type: 'MESSAGE', to, from, content });
    else link.deliver(encodeMessage(this.#keyOf(from), content));
    return true;
  }

  protected answerPing(link: Link, id: number): void {
    this.send(link, { type: 'PONG', id });
  }

  protected route(from: string, to: string, content: Uint8Array): void {
    if (!this.bring(from, to, content)) this.tell(from, undeliverable(this.#keyOf(to), content, 'offline'));
  }

  #register(link: Link, session: Session, data: string | Uint8Array): void {
    const { registration } = session;
    registration.handleFrame(typeof data === 'string' ? data : null);
    this.#flush(link, registration);
    const event = registration.pollEvent();
    if (event === null) return;
    if (event.type === 'close') return link.close(4401);
    const { publicKey, lastTerm, encoding } = event.proof;
    const term = nextTerm(this.#terms.get(publicKey) ?? 0, lastTerm, this.clock.now);
    if (term === null) return link.close(4410);
    this.#terms.set(publicKey, term);
    const older = this.#registered.get(publicKey);
    session.address = publicKey;
    session.json = encoding === 'json';
    this.#registered.set(publicKey, link);
    older?.close(4409);
    registration.handleAdmitted({ term, limits: LIMITS, keepalive: 15 });
    this.#flush(link, registration);
  }

  #flush(link: Link, registration: ServerRegistration): void {
    for (let frame = registration.pollFrame(); frame !== null; frame = registration.pollFrame()) this.send(link, frame);
  }

  #keyOf(address: string): Uint8Array {
    let key = this.#keys.get(address);
    if (key === undefined) {
      key = decodeHex(address) ?? new Uint8Array(32);
      this.#keys.set(address, key);
    }
    return key;
  }

  #note(of: string, other: string): void {
    const known = this.#correspondents.get(of);
    if (known === undefined) this.#correspondents.set(of, new Set([other]));
    else known.add(other);
  }
}
