import type { CryptoProvider } from '@sws/crypto';
import type { ChannelSettings } from '../../src/index.js';
import { Clock } from './clock.js';
import { Conversation, type End, Violation } from './conversation.js';
import { MaliciousRelay } from './malicious-relay.js';
import { Peer } from './peer.js';
import { forEachSeed, type Seeded, seeded } from './seeded.js';

/** What a run did, for figures. */
export interface RunFigures {
  readonly messages: number;
  readonly conversations: number;
  readonly frames: number;
  readonly attacks: ReadonlyMap<string, number>;
}

const PEERS = 3;
/** What the applications send in one run: enough for several windows of credit. */
const MAX_BYTES = 300_000;
/** Far below resumeTimeout, so that what is held up for that long cannot end a channel. */
const ATTACK_MS = [1_500, 5_000, 15_000, 25_000] as const;
/** Long enough for every timer that attacks can have left behind: OPEN's 45 s, a half-open channel's 60 s. */
const BEHAVED_MS = 130_000;
/** What a channel may send in this time when there is nothing to say. */
const IDLE_MS = 30_000;
const MAX_IDLE_FRAMES = 12;

/**
 * Three processes talk over several channels while the relay does its worst; then it behaves. Safety is checked at every
 * event (`Conversation`), liveness at the end. @throws Violation
 */
export class MaliciousRun {
  readonly #clock = new Clock();
  readonly #random: Seeded;
  readonly #relay: MaliciousRelay;
  readonly #peers: Peer[] = [];
  readonly #conversations = new Map<string, Conversation>();
  readonly #endOf = new Map<object, { conversation: Conversation; end: End }>();
  readonly #largest: number;
  #bytesLeft: number;

  constructor(seed: number, provider: CryptoProvider) {
    const random = seeded(seed);
    this.#random = random;
    const harsh = random.chance(0.15);
    this.#relay = new MaliciousRelay(this.#clock, random, provider, harsh);
    this.#largest = random.chance(0.1) ? 150_000 : random.pick([40, 400, 2_000]);
    this.#bytesLeft = MAX_BYTES;
    for (let i = 0; i < PEERS; i++) this.#peers.push(this.#newPeer(`p${i}`, provider));
  }

  run(): RunFigures {
    this.#attack();
    this.#relay.behave();
    this.#clock.pass(BEHAVED_MS);
    // Whom the relay turned away for good comes back because its user says so.
    for (const peer of this.#peers) if (peer.state.name === 'down') peer.connect();
    this.#clock.pass(1_000);
    for (const conversation of this.#conversations.values()) this.#checkLiveness(conversation);
    this.#checkQuiet();
    this.#checkFresh();
    this.#closeAll();
    let [messages, frames] = [0, 0];
    for (const { ends } of this.#conversations.values()) for (const end of ends) messages += end.received;
    for (const { framesSent } of this.#peers) frames += framesSent;
    return { messages, conversations: this.#conversations.size, frames, attacks: this.#relay.made };
  }

  #newPeer(name: string, provider: CryptoProvider): Peer {
    const random = this.#random;
    const settings: Partial<ChannelSettings> = {
      ...(random.chance(0.4) ? { windowBytes: 65_536 } : {}),
      ...(random.chance(0.2) ? { padding: 'none' as const } : {}),
      // Far more often than in practice: keys change while frames are lost.
      ...(random.chance(0.5) ? { rekeyAfterFrames: random.pick([4, 20, 100]) } : {}),
    };
    const encoding = random.chance(0.1) ? 'json' : 'binary';
    // Its own randomness: what the attacks draw does not change keys.
    const peer = new Peer(this.#clock, this.#relay, seeded(random.below(2 ** 31)), {
      name,
      provider,
      settings,
      encoding,
    });
    peer.onEvent = (channel, event) => {
      let known = this.#endOf.get(channel);
      if (known === undefined) {
        const conversation = this.#conversations.get(channel.resource.slice(1));
        if (conversation === undefined || channel.initiator || conversation.responder.peer !== peer)
          throw new Violation(`${name}: a channel that nobody opened: ${channel.resource}`);
        if (channel.peerAddress !== conversation.initiator.peer.address)
          throw new Violation(`${name}: a channel from the wrong peer`);
        known = { conversation, end: conversation.responder };
        known.end.channel = channel;
        this.#endOf.set(channel, known);
      }
      known.conversation.saw(known.end, event);
    };
    peer.connect();
    return peer;
  }

  #open(): void {
    const random = this.#random;
    const from = random.pick(this.#peers);
    const to = random.pick(this.#peers.filter((peer) => peer !== from));
    const conversation = new Conversation(this.#clock, `c${this.#conversations.size}`, from, to);
    this.#conversations.set(conversation.tag, conversation);
    const slow = random.chance(0.2);
    conversation.consumeAfterMs = () => (slow ? random.below(1_500) : 0);
    conversation.open();
    // Its events come later: `open` is not called from within.
    if (conversation.initiator.channel !== null)
      this.#endOf.set(conversation.initiator.channel, { conversation, end: conversation.initiator });
  }

  #send(conversation: Conversation, end: End): void {
    const random = this.#random;
    const label = `${conversation.tag}.${end.sent.length}.`;
    const length = Math.min(Math.floor(random.next() ** 2 * this.#largest), this.#bytesLeft);
    this.#bytesLeft -= length;
    const text = random.chance(0.5);
    conversation.send(end, text ? label + 'x'.repeat(length) : new Uint8Array(Buffer.from(label.padEnd(length, '.'))));
  }

  #attack(): void {
    const random = this.#random;
    const until = this.#clock.now + random.pick(ATTACK_MS);
    const mayRestart = random.chance(0.2);
    const maxPauseMs = random.pick([100, 400, 1_500]);
    for (let i = 1 + random.below(4); i > 0; i--) this.#open();
    while (this.#clock.now < until) {
      this.#clock.pass(random.below(maxPauseMs));
      const conversation = random.pick([...this.#conversations.values()]);
      const end = random.pick(conversation.ends);
      if (random.chance(0.02) && this.#conversations.size < 8) this.#open();
      if (mayRestart && random.chance(0.01)) this.#restart(random.pick(this.#peers));
      if (!end.alive || end.closing !== null) continue;
      // Bursts as well as single messages.
      for (let i = random.chance(0.1) ? random.below(20) : 1; i > 0; i--) this.#send(conversation, end);
      if (random.chance(0.01) && end.channel?.phase === 'open') conversation.close(end, 3000 + random.below(1_000));
    }
  }

  #restart(peer: Peer): void {
    for (const { ends } of this.#conversations.values())
      for (const end of ends) if (end.peer === peer && end.channel !== null) end.lost = true;
    peer.restart();
  }

  #checkLiveness(conversation: Conversation): void {
    const { tag, initiator, opened } = conversation;
    for (const end of conversation.ends) {
      const other = conversation.otherOf(end);
      if (!end.alive) continue;
      // What cannot live on has ended: neither end waits for ever.
      if (end.closing !== null) throw new Violation(`${tag}: close is not answered`);
      if (other.lost || other.end !== null) throw new Violation(`${tag}: the other end is gone, and this one waits`);
      if (opened === 0) throw new Violation(`${tag}: one end is open and the other never was`);
      if (end.received !== other.sent.length)
        throw new Violation(`${tag}: ${end.received} of ${other.sent.length} messages arrived`);
      if (end.channel?.bufferedAmount !== 0)
        throw new Violation(`${tag}: ${end.channel?.bufferedAmount} bytes not acknowledged`);
    }
    if (!this.#relay.harsh && initiator.end?.failure?.code === 'open-timeout')
      throw new Violation(`${tag}: OPEN was not answered, although it is repeated for longer than the attacks last`);
    // Nothing that a relay does but refusing service, or long silence, ends an open channel, or spoils its close.
    if (this.#relay.harsh || opened === 0 || conversation.ends.some((end) => end.lost)) return;
    const closing = conversation.ends.some((end) => end.closing !== null);
    for (const { end } of conversation.ends)
      if (closing ? end?.wasClean !== true : end !== null)
        throw new Violation(`${tag}: the relay ended an open channel: ${JSON.stringify(end)}`);
  }

  #checkQuiet(): void {
    const before = this.#peers.map(({ framesSent }) => framesSent);
    this.#clock.pass(IDLE_MS);
    for (const [index, peer] of this.#peers.entries()) {
      const frames = peer.framesSent - (before[index] ?? 0);
      if (frames > MAX_IDLE_FRAMES * (1 + peer.connection.table.size))
        throw new Violation(`${peer.name}: ${frames} frames in ${IDLE_MS} ms without anything to say`);
    }
  }

  /** The attacks leave nothing behind: new channels open, and carry, as if nothing had been. */
  #checkFresh(): void {
    const before = this.#conversations.size;
    for (let i = 0; i < 3; i++) this.#open();
    const fresh = [...this.#conversations.values()].slice(before);
    for (const conversation of fresh) this.#send(conversation, conversation.initiator);
    this.#clock.pass(20_000);
    for (const conversation of fresh) {
      if (!conversation.whole) throw new Violation(`${conversation.tag}: does not open although the relay behaves`);
      this.#send(conversation, conversation.responder);
    }
    this.#clock.pass(1_000);
    for (const conversation of fresh) this.#checkLiveness(conversation);
  }

  #closeAll(): void {
    const closing = [...this.#conversations.values()].filter((conversation) => conversation.whole);
    for (const conversation of closing) conversation.close(this.#random.pick(conversation.ends), 1_000);
    this.#clock.pass(2_000);
    for (const { tag, ends } of closing)
      for (const { end } of ends)
        if (end?.wasClean !== true) throw new Violation(`${tag}: close is not answered within 2 s`);
    this.#clock.pass(65_000);
    for (const { name, connection } of this.#peers)
      if (connection.table.size !== 0) throw new Violation(`${name}: ${connection.table.size} channels are left over`);
  }
}

/** Runs seeds as `forEachSeed` does, and returns how many messages arrived in all. */
export function messagesOf(runs: number, provider: CryptoProvider, seeds?: Parameters<typeof forEachSeed>[2]): number {
  let messages = 0;
  forEachSeed(
    runs,
    (seed) => {
      messages += new MaliciousRun(seed, provider).run().messages;
    },
    seeds,
  );
  return messages;
}
