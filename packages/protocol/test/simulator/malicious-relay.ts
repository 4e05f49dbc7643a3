import { type CryptoProvider, encodeHex } from '@sws/crypto';
import { KIND } from '../../src/channel/channel-frame.js';
import { UNDELIVERABLE_HEAD_BYTES } from '../../src/frames/message.js';
import { UNDELIVERABLE_CODES, type UndeliverableCode } from '../../src/index.js';
import type { Clock } from './clock.js';
import type { Link } from './link.js';
import { channelIdOf, flipped, forged, joined, type Recorded, spliced } from './mangling.js';
import { Relay } from './relay.js';
import type { Seeded } from './seeded.js';

/** Done to a MESSAGE on its way. */
const ON_THE_WAY = [
  'drop',
  'duplicate',
  'delay',
  'reorder',
  'truncate',
  'extend',
  'flip',
  'replay',
  'replace',
  'splice',
  'reflect',
  'misroute',
  'provoke',
  'refuse',
] as const;
/** Done at any time. */
const AT_ANY_TIME = [
  'replay-session',
  'replay-reset',
  'lie-undeliverable',
  'lie-gone',
  'lie-backlog',
  'lie-restarting',
  'ping',
  'unknown-frame',
  'cut',
  'stall',
] as const;
/** Done to a connection that is being made. */
const ON_CONNECT = ['refuse-connection', 'silence', 'old-challenge'] as const;

export const ATTACKS = [...ON_THE_WAY, ...AT_ANY_TIME, ...ON_CONNECT] as const;
export type Attack = (typeof ATTACKS)[number];

/** Close codes after which a client comes back. 4409 is among them once per registration that lasted. */
const PASSING_CODES = [1001, 1006, 1009, 1012, 1013, 4408, 4429] as const;
/** Close codes after which it does not: the relay refuses service, as it may. */
const FATAL_CODES = [1000, 4400, 4401, 4403, 4409] as const;
const RECORDED = 150;
const MAX_DELAY_MS = 8_000;
const MAX_STALL_MS = 15_000;
const MAX_BACKGROUND_MS = 1_500;

/** The relay of PROTOCOL's threat model: it does all that one who holds no keys can do, seeded; `behave` ends it. */
export class MaliciousRelay extends Relay {
  /** How likely each attack is, by the seed: most runs have a few strong ones. */
  readonly rates: ReadonlyMap<Attack, number>;
  /** Whether it also refuses service for good: then only safety can be expected. */
  readonly harsh: boolean;
  /** How often each attack was made. */
  readonly made = new Map<Attack, number>();
  #wicked = true;
  readonly #recorded: Recorded[] = [];
  readonly #resets: Recorded[] = [];
  readonly #held: Recorded[] = [];
  #challenge = '';

  constructor(clock: Clock, random: Seeded, provider: CryptoProvider, harsh: boolean) {
    super(clock, random, provider);
    this.harsh = harsh;
    const rates = new Map<Attack, number>();
    for (const attack of ON_THE_WAY) rates.set(attack, random.chance(0.4) ? random.next() ** 2 * 0.25 : 0);
    for (const attack of AT_ANY_TIME) rates.set(attack, random.chance(0.5) ? random.next() * 0.3 : 0);
    for (const attack of ON_CONNECT) rates.set(attack, random.chance(0.3) ? random.next() * 0.3 : 0);
    this.rates = rates;
    this.#background();
  }

  /** From here on it does its duty; what it held back goes out. */
  behave(): void {
    this.#wicked = false;
    for (const { from, to, content } of this.#held.splice(0)) this.bring(from, to, content);
    for (const link of this.links.keys()) link.flow();
  }

  override connected(link: Link): void {
    super.connected(link);
    const attack = this.#roll(ON_CONNECT);
    if (attack === 'refuse-connection') link.close(this.random.pick(PASSING_CODES));
    else if (attack === 'silence') this.#stall(link);
    else if (attack === 'old-challenge' && this.#challenge !== '') {
      // A second CHALLENGE is out of turn: the client hangs up (bad-frame) for good.
      if (this.harsh) link.deliver(this.#challenge);
    }
  }

  override send(link: Link, frame: Parameters<Relay['send']>[1]): void {
    if (frame.type === 'CHALLENGE' && this.#challenge === '') this.#challenge = JSON.stringify(frame);
    if (this.#wicked && this.harsh && frame.type === 'REGISTER_SUCCESS' && this.random.chance(0.1))
      super.send(link, { ...frame, signature: `${frame.signature.slice(0, -2)}00` });
    else super.send(link, frame);
  }

  protected override route(from: string, to: string, content: Uint8Array): void {
    if (!this.#wicked) return super.route(from, to, content);
    const message: Recorded = { from, to, content };
    this.#record(message);
    switch (this.#roll(ON_THE_WAY)) {
      case 'drop':
        break;
      case 'duplicate':
        this.#pass(message);
        this.#passLater(message);
        break;
      case 'delay':
        this.#passLater(message);
        break;
      case 'reorder':
        this.#held.push(message);
        if (this.#held.length > this.random.below(12))
          while (this.#held.length > 0) {
            const [held] = this.#held.splice(this.random.below(this.#held.length), 1);
            if (held !== undefined) this.#pass(held);
          }
        break;
      case 'truncate':
        this.#pass({ ...message, content: content.slice(0, this.random.below(content.length)) });
        break;
      case 'extend':
        this.#pass({ ...message, content: joined(content, this.random.bytes(1 + this.random.below(40))) });
        break;
      case 'flip':
        this.#pass({ ...message, content: flipped(this.random, content) });
        break;
      case 'replay':
        this.#pass(message);
        this.#pass(this.random.pick(this.#recorded));
        break;
      case 'replace':
        this.#pass({ ...this.random.pick(this.#recorded), from, to });
        break;
      case 'splice':
        if (this.random.chance(0.5)) this.#pass(message);
        this.#pass(spliced(this.random, message, this.random.pick(this.#recorded)));
        break;
      case 'reflect':
        if (this.random.chance(0.5)) this.#pass(message);
        this.#pass({ from: to, to: from, content });
        break;
      case 'misroute': {
        const keys = [...new Set(this.#recorded.flatMap((recorded) => [recorded.from, recorded.to]))];
        if (this.random.chance(0.5)) this.#pass(message);
        this.#pass({ from: this.random.pick(keys), to: this.random.pick(keys), content });
        break;
      }
      case 'provoke':
        // A frame of this channel that its receiver may not know yet, or not any more: it answers with RESET.
        this.#pass({ from, to, content: forged(this.random, content) });
        this.#passLater(message);
        break;
      case 'refuse':
        this.#lieUndeliverable(message);
        if (this.random.chance(0.5)) this.#pass(message);
        break;
      default:
        this.#pass(message);
    }
  }

  #background(): void {
    this.clock.after(this.random.below(MAX_BACKGROUND_MS), () => {
      if (!this.#wicked) return;
      this.#attackAtAnyTime();
      this.#background();
    });
  }

  #attackAtAnyTime(): void {
    const links = [...this.links.keys()];
    const [first] = this.#recorded;
    if (links.length === 0 || first === undefined) return;
    const recorded = this.random.pick(this.#recorded);
    const link = this.random.pick(links);
    const { address = null } = this.links.get(link) ?? {};
    const attack = this.#roll(AT_ANY_TIME);
    switch (attack) {
      case 'replay-session': {
        const id = channelIdOf(recorded.content);
        for (const each of [...this.#recorded]) if (channelIdOf(each.content) === id) this.#pass(each);
        break;
      }
      case 'replay-reset':
        if (this.#resets.length > 0) {
          const reset = this.random.pick(this.#resets);
          this.#pass(reset);
          this.#pass({ ...reset, from: reset.to, to: reset.from });
        }
        break;
      case 'lie-undeliverable':
        this.#lieUndeliverable(recorded);
        break;
      case 'lie-gone':
        this.tell(recorded.from, { type: 'PEER_GONE', publicKey: recorded.to });
        break;
      case 'lie-backlog':
        this.tell(recorded.from, { type: 'BACKLOG', to: recorded.to });
        break;
      case 'cut':
        if (this.harsh) link.close(this.random.pick([...PASSING_CODES, ...FATAL_CODES]));
        else link.close(this.random.pick(PASSING_CODES));
        break;
      case 'stall':
        this.#stall(link);
        break;
      default:
        break;
    }
    // The rest is sense only to a registered client: before that it is a fault of the relay, for which a client leaves.
    if (address === null) return;
    if (attack === 'lie-restarting') {
      const limit = this.harsh ? 2 ** 31 : 3_000;
      this.send(link, { type: 'RESTARTING', reconnectIn: this.random.below(limit), spread: this.random.below(limit) });
    } else if (attack === 'ping') {
      for (let id = 0; id < 5; id++) this.send(link, { type: 'PING', id });
      this.send(link, { type: 'PONG', id: this.random.below(100) });
    } else if (attack === 'unknown-frame') {
      link.deliver('{"type":"NEWS","of":"a later version"}');
      link.deliver('not JSON');
      link.deliver(this.random.bytes(this.random.below(60)));
    }
  }

  #pass({ from, to, content }: Recorded): void {
    this.bring(from, to, content);
  }

  #passLater(message: Recorded): void {
    this.clock.after(this.random.next() ** 3 * MAX_DELAY_MS, () => this.#pass(message));
  }

  #stall(link: Link): void {
    link.stall();
    this.clock.after(this.random.below(MAX_STALL_MS), () => {
      if (this.random.chance(0.5)) link.flow();
      else link.close(1006);
    });
  }

  #lieUndeliverable({ from, to, content }: Recorded): void {
    const head = encodeHex(content.subarray(0, UNDELIVERABLE_HEAD_BYTES));
    const code: UndeliverableCode = this.random.pick(UNDELIVERABLE_CODES);
    this.tell(from, { type: 'UNDELIVERABLE', to, head, code });
  }

  #record(message: Recorded): void {
    if (this.#recorded.length < RECORDED) this.#recorded.push(message);
    else this.#recorded[this.random.below(RECORDED)] = message;
    if (message.content[0] === KIND.reset && this.#resets.length < RECORDED) this.#resets.push(message);
  }

  #roll<T extends Attack>(among: readonly T[]): T | null {
    if (!this.#wicked) return null;
    let roll = this.random.next();
    // The rates of the attacks on the way add up to more than 1 in some runs: nothing arrives unhurt there.
    for (const attack of among) {
      roll -= this.rates.get(attack) ?? 0;
      if (roll >= 0) continue;
      this.made.set(attack, (this.made.get(attack) ?? 0) + 1);
      return attack;
    }
    return null;
  }
}
