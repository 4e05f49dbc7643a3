import type { Channel, ChannelEnd, ChannelEvent } from '../../src/index.js';
import type { Clock } from './clock.js';
import type { Peer } from './peer.js';

type Message = string | Uint8Array;

/** What the application at one end of a channel has done and seen. */
export class End {
  readonly peer: Peer;
  channel: Channel | null = null;
  readonly sent: Message[] = [];
  received = 0;
  end: ChannelEnd | null = null;
  closing: { readonly code: number; readonly reason: string; readonly sent: number } | null = null;
  /** The process died: whatever it knew is gone. */
  lost = false;
  interruptions = 0;
  resumptions = 0;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** Open, as far as this end knows. */
  get alive(): boolean {
    return this.channel !== null && this.end === null && !this.lost;
  }
}

/** Thrown where a user would lose something. */
export class Violation extends Error {}

/** One channel that an application opens, and everything that must hold for it whatever the relay does. */
export class Conversation {
  readonly tag: string;
  readonly initiator: End;
  readonly responder: End;
  /** How long an application keeps a message before it says that it has taken it. */
  consumeAfterMs: () => number = () => 0;
  readonly #clock: Clock;
  opened = 0;

  constructor(clock: Clock, tag: string, from: Peer, to: Peer) {
    this.#clock = clock;
    this.tag = tag;
    this.initiator = new End(from);
    this.responder = new End(to);
  }

  get ends(): readonly [End, End] {
    return [this.initiator, this.responder];
  }
  /** Both ends know the channel as open, and neither has ended or asked to. */
  get whole(): boolean {
    return this.opened === 1 && this.ends.every((end) => end.alive && end.closing === null);
  }

  otherOf(end: End): End {
    return end === this.initiator ? this.responder : this.initiator;
  }

  /** Sees all that happens at both peers, which have no other channel. */
  follow(): void {
    const { initiator, responder } = this;
    initiator.peer.onEvent = (_, event) => this.saw(initiator, event);
    responder.peer.onEvent = (channel, event) => {
      responder.channel ??= channel;
      this.saw(responder, event);
    };
  }

  open(): void {
    const channel = this.initiator.peer.open(this.responder.peer, { resource: `/${this.tag}` });
    this.initiator.channel = channel;
  }

  send(end: End, message: Message): void {
    const { channel, peer } = end;
    if (channel === null) throw new Error('not open');
    end.sent.push(message);
    // The channel owns what it is given.
    peer.command(channel, { type: 'send', data: typeof message === 'string' ? message : message.slice() });
  }

  close(end: End, code: number): void {
    const { channel, peer } = end;
    if (channel === null) throw new Error('not open');
    const reason = `${this.tag} ${end === this.initiator ? 'a' : 'b'}`;
    end.closing = { code, reason, sent: end.sent.length };
    peer.command(channel, { type: 'close', code, reason });
  }

  /** An event of the channel at one end. */
  saw(end: End, event: ChannelEvent): void {
    if (end.lost) return;
    if (end.end !== null) throw new Violation(`${this.tag}: ${event.type} after close`);
    switch (event.type) {
      case 'open':
        this.#opened(end);
        break;
      case 'message':
        this.#received(end, event.data);
        break;
      case 'acknowledged':
        this.#acknowledged(end);
        break;
      case 'interrupted':
        end.interruptions++;
        break;
      case 'resumed':
        end.resumptions++;
        break;
      case 'close':
        end.end = event.end;
        this.#closed(end, event.end);
        break;
    }
  }

  #opened(end: End): void {
    if (end === this.responder && ++this.opened > 1) throw new Violation(`${this.tag}: a phantom connection`);
    if (end.received > 0) throw new Violation(`${this.tag}: open after a message`);
  }

  #received(end: End, data: Message): void {
    const { sent } = this.otherOf(end);
    const expected = sent[end.received];
    if (expected === undefined) throw new Violation(`${this.tag}: message ${end.received} was never sent`);
    if (!same(data, expected))
      throw new Violation(`${this.tag}: message ${end.received} is ${show(data)}, not ${show(expected)}`);
    end.received++;
    const { channel, peer } = end;
    const wait = this.consumeAfterMs();
    const take = (): void => {
      if (channel !== null && !end.lost) peer.command(channel, { type: 'delivered' });
    };
    if (wait === 0) take();
    else this.#clock.after(wait, take);
  }

  /** What an end is told is acknowledged, the peer's process has. */
  #acknowledged(end: End): void {
    const other = this.otherOf(end);
    const acknowledged = end.channel?.messages.acknowledged ?? 0;
    if (other.end === null && !other.lost && acknowledged > other.received)
      throw new Violation(`${this.tag}: ${acknowledged} acknowledged, ${other.received} received`);
  }

  /** Only the peer's application sets code and reason; and a clean close follows everything sent before it. */
  #closed(end: End, { code, reason, wasClean }: ChannelEnd): void {
    if (!wasClean) {
      if (code !== 1006 || reason !== '') throw new Violation(`${this.tag}: an unclean close with ${code} ${reason}`);
      return;
    }
    const other = this.otherOf(end);
    const byPeer = other.closing !== null && code === other.closing.code && reason === other.closing.reason;
    const answer = end.closing !== null && code === end.closing.code && reason === end.closing.reason;
    if (!byPeer && !answer)
      throw new Violation(`${this.tag}: a clean close with ${code} "${reason}" that nobody asked for`);
    if (byPeer && end.received !== other.closing?.sent)
      throw new Violation(`${this.tag}: closed after ${end.received} of ${other.closing?.sent} messages`);
  }
}

function same(a: Message, b: Message): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return Buffer.compare(a, b) === 0;
}

function show(message: Message): string {
  return typeof message === 'string' ? message.slice(0, 40) : `${message.length} bytes ${message.slice(0, 16)}`;
}
