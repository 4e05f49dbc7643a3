import { KIND } from '../../src/channel/channel-frame.js';
import type { Channel, ChannelEvent } from '../../src/index.js';
import { copy } from './copy.js';
import { anySessionOf, channelOf, type End } from './end.js';
import { Fingerprints } from './fingerprint.js';
import { FORGOTTEN, type Frame, Frames, type Renaming } from './frames.js';
import { type EndAction, other, type Scenario, type Side, Violation } from './scenario.js';
import type { loadSources } from './sources.js';
import { Bytes, latin1, SymbolicProvider, symbolicStaticKey } from './symbolic-provider.js';

export type Sources = Awaited<ReturnType<typeof loadSources>>;

/** Timers further away than this do not fire: resumeTimeout and tombstones last longer than any run here. */
const SOON_MS = 40_000;
/** Ephemeral secrets and the randomness of ML-KEM; what is shorter is a jitter, an id or a nonce. */
const SECRET_BYTES = 32;
const CLOSE_CODE = 4_000;
/** Frames that an end may send without a timer, a frame or new data; more is a cycle. */
const MAX_FRAMES = 60;
/** A seq that no run reaches. */
const FAR_AHEAD = 1_000;
/** What does not decide what happens next, or is a clock reading that is no time of day. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  '_options',
  '_host',
  '_context',
  '_provider',
  '_static',
  '_peer',
  '_peers',
  '_last',
  '_byPeer',
  '_handshakeContext',
  'peer',
  'peerAddress',
  'counters',
  'now',
  'others',
  'sealed',
  'rttMs',
  '_bucket',
  'bucket',
  '_sendCounter',
  '_wakeAtMs',
  '_wait',
  '_interval',
]);

/** What an action of an end gives. */
export interface Outcome {
  /** In the order in which they were sealed. */
  readonly frames: readonly Frame[];
  /** Set if its questions have other names now. */
  readonly names: Renaming | null;
  /** Whether it opened the CONTROL that it was given: it takes none that is older. */
  readonly opened: boolean;
}

/** The real machines of two ends, whose outside is the symbolic provider, a clock that the search turns, and `Frames`. */
export class Machines {
  readonly frames: Frames;
  readonly provider = new SymbolicProvider();
  readonly #scenario: Scenario;
  readonly #sources: Sources;
  readonly #shared: Set<unknown>;
  readonly #fingerprints: Fingerprints;
  readonly #options: ConstructorParameters<Sources['ChannelTable']>[0][] = [];
  /** Who seals under a key. */
  readonly #sealers = new Map<string, Side>();
  /** Whose machines run at the moment: their outputs go there. */
  #acting: { readonly end: End; readonly side: Side } | null = null;

  constructor(sources: Sources, scenario: Scenario) {
    this.#scenario = scenario;
    this.#sources = sources;
    this.frames = new Frames(this.provider);
    const settings = {
      windowBytes: 256,
      maxMessageBytes: 1_000,
      resumeTimeoutMs: 1e10,
      padding: 'padme' as const,
      rekeyAfterFrames: scenario.rekeyAfterFrames,
    };
    this.#shared = new Set<unknown>([this.provider, settings]);
    for (const name of [1, 2]) {
      const staticKey = symbolicStaticKey(this.provider, name);
      const options = {
        provider: this.provider,
        random: (length: number) => this.#random(length),
        staticKey,
        settings,
        accept: () => true,
        emit: (channel: Channel, event: ChannelEvent) => this.#emit(channel, event),
      };
      this.#options.push(options);
      for (const one of [staticKey, options, options.random]) this.#shared.add(one);
    }
    this.#fingerprints = new Fingerprints(this.#shared, LEFT_OUT);
    this.provider.onSeal = (key, nonce, plaintext) => this.#sealed(latin1(key), latin1(nonce), latin1(plaintext));
  }

  /** The same for ends that differ in nothing that matters. */
  fingerprint(end: End): number {
    return this.#fingerprints.of(end, end.now);
  }

  newEnd(side: Side): End {
    return {
      table: new this.#sources.ChannelTable(this.#optionsOf(side)),
      channel: null,
      now: 1_000_000,
      random: { secrets: 0, others: 0 },
      connected: false,
      cuts: 0,
      restarts: 0,
      sent: [],
      closeRequested: false,
      received: [],
      unread: 0,
      opened: 0,
      end: null,
      sealed: new Map(),
    };
  }

  /** What a relay may make up for an end that has a session, and which does nothing: DATA in turn, a CONTROL, a RESET. */
  forgeries(end: End, side: Side): Frame[] {
    const [channel, session] = [channelOf(end), anySessionOf(end)];
    // Where a transport stalls, an end that was given a frame is one that may have something to send.
    if (channel === null || session === null || !end.connected || this.#scenario.stalls) return [];
    const [peer, id] = [this.#publicKey(side), channel.channelId];
    return [KIND.data, KIND.control, KIND.reset].map((kind) =>
      this.frames.forged(side, peer, id, kind, session._incoming.next),
    );
  }

  /** DATA that a relay makes up, far ahead of what has come. */
  forgedGap(end: End, side: Side): Frame | null {
    const channel = channelOf(end);
    if (channel === null || anySessionOf(end) === null || !end.connected) return null;
    return this.frames.forged(side, this.#publicKey(side), channel.channelId, KIND.data, FAR_AHEAD);
  }

  /** A opens a channel to B. */
  open(end: End): void {
    const offer = { resource: '/', protocols: [], waitUntilMs: 0 };
    this.#run(end, 0, () => {
      end.channel = end.table.open(this.#publicKey(1), offer, end.now);
    });
  }

  copy(end: End): End {
    return copy(end, this.#shared, (from, seen) => {
      if (!(from instanceof this.#sources.ChannelTable)) return null;
      const visible = from as unknown as { _options: unknown; _host: object };
      const table = Object.create(this.#sources.ChannelTable.prototype) as { _options: unknown; _makeHost(): object };
      table._options = visible._options;
      seen.set(visible._host, table._makeHost());
      return table;
    });
  }

  /** When the next timer of `end` is due, or `null`. (A table may ask to be woken earlier: that does nothing.) */
  nextTimer(end: End): number | null {
    const at = channelOf(end)?.wakeAtMs ?? null;
    return at === null ? null : Math.max(at, end.now);
  }

  /** What `end` may do by itself. Cuts and restarts are bounded for both ends together: that is the search's to say. */
  actions(end: End, side: Side): EndAction[] {
    const { stalls, messages, closes } = this.#scenario;
    const { connected, channel, closeRequested, sent, unread } = end;
    const live = channel !== null && end.end === null && !closeRequested && channel.phase !== 'opening';
    const timer = this.nextTimer(end);
    const actions: EndAction[] = [];
    if (stalls && connected) actions.push('pull');
    if (timer !== null && timer - end.now < SOON_MS) actions.push('timer');
    if (live && sent.length < messages[side]) actions.push('send');
    if (unread > 0) actions.push('read');
    if (live && closes.includes(side)) actions.push('close');
    actions.push(connected ? 'cut' : 'connect');
    if (side === 1) actions.push('restart');
    return actions;
  }

  /** Takes an action, or a frame, and changes `end`. What is due then leaves at once if `pull` says so. @throws Violation */
  act(end: End, side: Side, action: EndAction | Frame, pull: boolean): Outcome {
    const before = anySessionOf(end);
    const messages: Uint8Array[] = [];
    const [lastReceived, questions] = [before?._keys._lastReceived, before?._probe._questions.length ?? 0];
    this.#run(end, side, () => {
      if (typeof action === 'object')
        end.table.receive(this.#publicKey(other(side)), this.frames.give(action, end), end.now);
      else if (action === 'pull') this.#pull(end, messages);
      else this.#do(end, side, action);
      while (pull && this.#pull(end, messages))
        if (messages.length > MAX_FRAMES) throw new Violation('an end sends frames without end');
    });
    const due = channelOf(end)?.wakeAtMs ?? null;
    if (due !== null && (end.table.wakeAtMs ?? Number.POSITIVE_INFINITY) > due)
      throw new Violation('a table sleeps longer than its channel');
    const after = anySessionOf(end)?._keys._lastReceived;
    const opened = lastReceived !== undefined && after !== undefined && after !== lastReceived;
    const names = this.#normalise(end);
    const frames = messages.map((message) =>
      this.frames.take(other(side), message, (id) => names.get(id) ?? FORGOTTEN),
    );
    const renaming = Array.from({ length: questions }, (_, index) => names.get(index + 1) ?? FORGOTTEN);
    const same = renaming.every((name, index) => name === index + 1);
    return { frames, names: same ? null : renaming, opened };
  }

  /** The other end of one whose questions have other names now: answers that it owes are to those. */
  rename(end: End, names: Renaming): void {
    for (const answer of anySessionOf(end)?._controls._answers ?? []) answer.id = names[answer.id - 1] ?? FORGOTTEN;
  }

  /**
   * Gives what is random or counted up its place instead: questions are numbered from 1, the last counter taken is 0, and
   * the CONTROLs sealed are any. What ends differ in behind this is nothing that matters. Gives the questions' names.
   */
  #normalise(end: End): ReadonlyMap<number, number> {
    const names = new Map<number, number>();
    const session = anySessionOf(end);
    if (session === null) return names;
    const { _probe, _keys, _controls } = session;
    for (const [index, question] of _probe._questions.entries()) {
      names.set(question.id, index + 1);
      question.id = index + 1;
    }
    const { epoch, counter } = _keys._lastReceived;
    _keys._lastReceived = { epoch, counter: Math.min(counter, 0) };
    _controls._recent = _controls._recent.length === 0 ? [] : [this.frames.anyControl];
    return names;
  }

  #pull(end: End, messages: Uint8Array[]): boolean {
    const message = end.connected ? end.table.nextFrame(end.now) : null;
    if (message === null) return false;
    messages.push(message);
    return true;
  }

  #do(end: End, side: Side, action: Exclude<EndAction, 'pull'>): void {
    switch (action) {
      case 'timer':
        end.now = this.nextTimer(end) ?? end.now;
        end.table.wake(end.now);
        return;
      case 'wake':
        end.table.wake(end.now);
        return;
      case 'send': {
        const text = `${side}${end.sent.length}`;
        end.sent.push(text);
        end.channel?.send(text, end.now);
        return;
      }
      case 'read':
        end.unread--;
        end.channel?.delivered(end.now);
        return;
      case 'close':
        end.closeRequested = true;
        end.channel?.close(CLOSE_CODE + side, '', end.now);
        return;
      case 'cut':
        end.cuts++;
        end.connected = false;
        end.table.disconnected(end.now);
        return;
      case 'connect':
        end.connected = true;
        end.table.connected(end.now);
        return;
      case 'restart':
        this.#restart(end, side);
        return;
    }
  }

  /** The process ends and another begins, with the same identity and nothing else. */
  #restart(end: End, side: Side): void {
    const { random, cuts, restarts, opened } = end;
    Object.assign(end, this.newEnd(side), { cuts, restarts: restarts + 1, opened, connected: true });
    end.random = { secrets: random.secrets + 50, others: random.others };
    end.table.connected(end.now);
  }

  #run(end: End, side: Side, run: () => void): void {
    this.#acting = { end, side };
    try {
      run();
    } finally {
      this.#acting = null;
    }
  }

  get #running(): { readonly end: End; readonly side: Side } {
    if (this.#acting === null) throw new Error('machines act by themselves');
    return this.#acting;
  }

  /** Nonces are counted up under every key, and a key is one end's: so none is used for two plaintexts. */
  #sealed(key: string, nonce: string, plaintext: string): void {
    const { end, side } = this.#running;
    const sealer = this.#sealers.get(key) ?? side;
    this.#sealers.set(key, sealer);
    if (sealer !== side) throw new Violation('both ends seal under one key');
    const last = end.sealed.get(key);
    if (last !== undefined && (nonce < last.nonce || (nonce === last.nonce && plaintext !== last.plaintext)))
      throw new Violation('one key and nonce seal two plaintexts');
    end.sealed.set(key, { nonce, plaintext });
  }

  #emit(channel: Channel, event: ChannelEvent): void {
    const { end } = this.#running;
    if (end.channel === null) end.channel = channel;
    if (event.type === 'open') end.opened++;
    else if (event.type === 'close') end.end = event.end;
    else if (event.type === 'message') {
      if (end.opened === 0 || end.end !== null) throw new Violation('a message outside of open');
      end.received.push(String(event.data));
      if (this.#scenario.slowReaders) end.unread++;
      else channel.delivered(end.now);
    }
  }

  #random(length: number): Uint8Array {
    const { end, side } = this.#running;
    const bytes = new Bytes(new ArrayBuffer(length));
    const drawn = length >= SECRET_BYTES ? ++end.random.secrets : ++end.random.others;
    bytes[length - 1] = drawn;
    bytes[length - 2] = drawn >> 8;
    bytes[0] = side + 1;
    return bytes;
  }

  #optionsOf(side: Side) {
    const options = this.#options[side];
    if (options === undefined) throw new Error('no such end');
    return options;
  }

  #publicKey(side: Side): Uint8Array {
    return this.#optionsOf(side).staticKey.publicKeyBytes();
  }
}
