import { KIND } from '../../src/channel/channel-frame.js';
import type { Channel, ChannelCommand, ChannelEvent } from '../../src/index.js';
import { copy } from './copy.js';
import { anySessionOf, channelOf, type End, flightOf } from './end.js';
import { Fingerprints } from './fingerprint.js';
import { FORGOTTEN, type Frame, Frames, type Renaming } from './frames.js';
import { type EndAction, other, type Scenario, type Side, Violation } from './scenario.js';
import type { loadSources } from './sources.js';
import { Bytes, latin1, SymbolicProvider, symbolicStaticKey } from './symbolic-provider.js';
import { Thief } from './thief.js';

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
  '_counters',
  'now',
  'others',
  'sealed',
  'rttMs',
  // What memory is left follows from what is held.
  '_memory',
  '_account',
  'account',
  '_accepts',
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
  /** Set once it has stolen the keys. */
  #thief: Thief | null = null;
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
        isKnown: () => true,
      };
      this.#options.push(options);
      for (const one of [staticKey, options, options.random, options.isKnown]) this.#shared.add(one);
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
      timers: 0,
      restarts: 0,
      forgeries: 0,
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

  /** The relay steals the keys that A and B have now. */
  steal(a: End): void {
    const session = anySessionOf(a);
    if (session !== null) this.#thief = new Thief(this.provider, session._keys);
  }

  /** What it forges under them. */
  thefts(end: End, side: Side): Frame[] {
    const [channel, session] = [channelOf(end), anySessionOf(end)];
    if (channel === null || session === null || !end.connected || this.#thief === null) return [];
    const messages = this.#thief.frames(side, this.#publicKey(side), channel.channelId, session);
    return messages.map((message) => this.frames.stolen(side, message));
  }

  /** @throws Violation */
  checkTheft(ends: readonly [End, End]): void {
    for (const end of ends) {
      const session = anySessionOf(end);
      if (session !== null) this.#thief?.check(end, session);
    }
  }

  /** The same for an end that has taken no notice of a frame, though its table may look what there is to send. */
  printOfChannel(end: End): number {
    const phase = (channelOf(end) as unknown as { _phase: unknown } | null)?._phase ?? null;
    return this.#fingerprints.of([phase, end.received, end.opened, end.end], end.now);
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
    return copy(end, this.#shared);
  }

  /** When the next timer of `end` is due, or `null`. (A table may ask to be woken earlier: that does nothing.) */
  nextTimer(end: End): number | null {
    const at = channelOf(end)?.nextWakeAtMs ?? null;
    return at === null ? null : Math.max(at, end.now);
  }

  /** What `end` may do by itself. Cuts and restarts are bounded for both ends together: that is the search's to say. */
  actions(end: End, side: Side): EndAction[] {
    const { stalls, holds, messages, closes } = this.#scenario;
    const { connected, channel, closeRequested, sent, unread } = end;
    const live = channel !== null && end.end === null && !closeRequested && channel.phase !== 'opening';
    const timer = this.nextTimer(end);
    const actions: EndAction[] = [];
    if (stalls && connected) actions.push('pull');
    if (holds && flightOf(end)?.holds(end.now) === false) actions.push('hold');
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
    const [lastReceived, questions] = [before?._keys._lastReceived, before?._controls.probe._questions.length ?? 0];
    this.#run(end, side, () => {
      if (typeof action === 'object')
        end.table.handleMessage(this.#publicKey(other(side)), this.frames.give(action, end), end.now);
      else if (action === 'pull') this.#pull(end, messages);
      else this.#do(end, side, action);
      this.#tell(end);
      while (pull && this.#pull(end, messages))
        if (messages.length > MAX_FRAMES) throw new Violation('an end sends frames without end');
    });
    if (end.table.nextWakeAtMs > (channelOf(end)?.nextWakeAtMs ?? Number.POSITIVE_INFINITY))
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
    for (const answer of anySessionOf(end)?._controls._queue._answers ?? [])
      answer.id = names[answer.id - 1] ?? FORGOTTEN;
  }

  /**
   * Gives what is random or counted up its place instead: questions are numbered from 1, the last counter taken is 0, and
   * the CONTROLs sealed are any. What ends differ in behind this is nothing that matters. Gives the questions' names.
   */
  #normalise(end: End): ReadonlyMap<number, number> {
    const names = new Map<number, number>();
    const session = anySessionOf(end);
    if (session === null) return names;
    const { _keys, _controls } = session;
    const queue = _controls._queue;
    for (const [index, question] of _controls.probe._questions.entries()) {
      names.set(question.id, index + 1);
      question.id = index + 1;
    }
    const { epoch, counter } = _keys._lastReceived;
    _keys._lastReceived = { epoch, counter: Math.min(counter, 0) };
    queue._recent = queue._recent.length === 0 ? [] : [this.frames.anyControl];
    return names;
  }

  #pull(end: End, messages: Uint8Array[]): boolean {
    const message = end.connected ? end.table.pollFrame(end.now) : null;
    if (message === null) return false;
    messages.push(message);
    return true;
  }

  #do(end: End, side: Side, action: Exclude<EndAction, 'pull'>): void {
    switch (action) {
      case 'timer':
        if (Number.isFinite(this.#scenario.timers)) end.timers++;
        end.now = this.nextTimer(end) ?? end.now;
        end.table.handleTimeout(end.now);
        return;
      case 'hold':
        flightOf(end)?.hold(end.now);
        return;
      case 'wake':
        end.table.handleTimeout(end.now);
        return;
      case 'send': {
        const text = `${side}${end.sent.length}`;
        end.sent.push(text);
        this.#command(end, { type: 'send', data: text });
        return;
      }
      case 'read':
        end.unread--;
        this.#command(end, { type: 'delivered' });
        return;
      case 'close':
        end.closeRequested = true;
        this.#command(end, { type: 'close', code: CLOSE_CODE + side, reason: '' });
        return;
      case 'cut':
        end.cuts++;
        end.connected = false;
        end.table.handleDisconnected(end.now);
        return;
      case 'connect':
        end.connected = true;
        end.table.handleConnected(end.now);
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
    end.table.handleConnected(end.now);
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
    this.#thief?.sealed(end, key);
    if (sealer !== side) throw new Violation('both ends seal under one key');
    const last = end.sealed.get(key);
    if (last !== undefined && (nonce < last.nonce || (nonce === last.nonce && plaintext !== last.plaintext)))
      throw new Violation('one key and nonce seal two plaintexts');
    end.sealed.set(key, { nonce, plaintext });
  }

  #command(end: End, command: ChannelCommand): void {
    if (end.channel !== null) end.table.handleCommand(end.channel, command, end.now);
  }

  /** Hands out what a table has to tell. */
  #tell(end: End): void {
    for (let notice = end.table.pollEvent(); notice !== null; notice = end.table.pollEvent())
      this.#saw(end, notice.channel, notice.event);
  }

  #saw(end: End, channel: Channel, event: ChannelEvent): void {
    if (end.channel === null) end.channel = channel;
    if (event.type === 'open') end.opened++;
    else if (event.type === 'close') end.end = event.end;
    else if (event.type === 'message') {
      if (end.opened === 0 || end.end !== null) throw new Violation('a message outside of open');
      end.received.push(String(event.data));
      if (this.#scenario.slowReaders) end.unread++;
      else end.table.handleCommand(channel, { type: 'delivered' }, end.now);
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
