import { CONTROL_TYPE } from '../../src/channel/control.js';
import type { Channel, ChannelEnd, ChannelEvent, ChannelTable } from '../../src/index.js';
import { KIND, MESSAGE_HEAD_BYTES } from '../../src/index.js';
import { copy, describe, hashOf } from './copy.js';
import type { loadSources } from './sources.js';
import { Bytes, derivable, SymbolicProvider, symbolicStaticKey } from './symbolic-provider.js';

type Sources = Awaited<ReturnType<typeof loadSources>>;

/** What is explored: the bounds of PROTOCOL's machines and of the relay between them. */
export interface Scenario {
  readonly name: string;
  /** Messages that A and B may send. */
  readonly messages: readonly [number, number];
  /** The initiator rekeys after this many DATA frames, once. */
  readonly rekeyAfterFrames: number;
  /** Times that a connection may be lost, both ends together. */
  readonly cuts: number;
  /** Times that B's process may restart. */
  readonly restarts: number;
  /** Ends that may close. */
  readonly closes: readonly number[];
  /** Whether it begins with the handshake, or behind it. */
  readonly opening: boolean;
  /** Frames other than DATA that each end may send. */
  readonly controls: number;
  /** Frames that the relay holds. */
  readonly relayQueue: number;
  /** Whether a transport may have no room: frames then leave one by one, whenever. Otherwise at once. */
  readonly stalls: boolean;
  /** Whether an application takes a message when it likes. Otherwise at once. */
  readonly slowReaders: boolean;
}

export type Action =
  | {
      readonly type: 'pull' | 'timer' | 'send' | 'read' | 'close' | 'cut' | 'connect' | 'restart';
      readonly end: number;
    }
  | { readonly type: 'deliver' | 'repeat' | 'drop'; readonly index: number };

/** A property that does not hold. */
export class Violation extends Error {}

/** Timers further away than this do not fire: resumeTimeout and tombstones last longer than any run here. */
const SOON_MS = 40_000;
const CLOSE_CODE = 4_000;
/** Frames that both ends may exchange without a timer or new data; more is a cycle. */
const MAX_EXCHANGE = 60;
/** Timers that a fair relay's run may need. */
const MAX_FAIR_TIMERS = 40;
/** What does not decide what happens next, or is a clock reading that is no time of day. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  '_options',
  '_host',
  '_context',
  '_provider',
  '_static',
  '_peer',
  '_peers',
  '_byPeer',
  '_handshakeContext',
  'peer',
  'counters',
  'now',
  'random',
  'sealed',
  'rttMs',
  '_baseAt',
  '_idleFrom',
  'askedSince',
  '_wait',
  '_interval',
  '_bucket',
  'bucket',
  '_wakeAtMs',
  '_turns',
  'controls',
  '_recent',
  '_sendCounter',
  'counter',
  'id',
  '_takenBytes',
  'wakeAtMs',
  'sentAt',
  'askedAt',
  '_tookAt',
  'peerAddress',
]);

interface End {
  table: ChannelTable;
  channel: Channel | null;
  now: number;
  random: number;
  connected: boolean;
  controls: number;
  sent: string[];
  closeRequested: boolean;
  received: string[];
  /** Messages that the application has not taken. */
  unread: number;
  /** Connections announced, those of processes before a restart included. */
  opened: number;
  end: ChannelEnd | null;
}

interface Flying {
  readonly to: number;
  readonly message: Uint8Array;
}

/** The state of a run; plain fields, so that it can be copied. */
interface State {
  ends: [End, End];
  queue: Flying[];
  cuts: number;
  restarts: number;
  /** What each key and nonce has sealed. */
  sealed: Map<string, string>;
}

/** Runs the real machines, two ends and a relay that does what it likes, one action at a time. */
export class Explorable {
  readonly scenario: Scenario;
  readonly root: State;
  readonly #sources: Sources;
  readonly #provider = new SymbolicProvider();
  readonly #shared: Set<unknown>;
  readonly #options: ConstructorParameters<Sources['ChannelTable']>[0][] = [];
  /** The run that a step is being taken in: machines' outputs go there. */
  #current: State;

  constructor(sources: Sources, scenario: Scenario) {
    this.scenario = scenario;
    this.#sources = sources;
    const settings = {
      windowBytes: 256,
      maxMessageBytes: 1_000,
      resumeTimeoutMs: 400_000,
      padding: 'padme' as const,
      rekeyAfterFrames: scenario.rekeyAfterFrames,
    };
    this.#shared = new Set<unknown>([this.#provider, settings]);
    for (const index of [0, 1]) {
      const staticKey = symbolicStaticKey(this.#provider, index + 1);
      const options = {
        provider: this.#provider,
        random: (length: number) => this.#random(index, length),
        staticKey,
        settings,
        accept: () => true,
        emit: (channel: Channel, event: ChannelEvent) => this.#emit(index, channel, event),
      };
      this.#options.push(options);
      for (const one of [staticKey, options, options.random]) this.#shared.add(one);
    }
    this.#provider.onSeal = (key, nonce, plaintext) => this.#sealed(key, nonce, plaintext);
    this.#current = { ends: [this.#newEnd(0), this.#newEnd(1)], queue: [], cuts: 0, restarts: 0, sealed: new Map() };
    this.root = this.#current;
    for (const { table, now } of this.root.ends) table.connected(now);
    const [a, b] = this.root.ends;
    a.channel = a.table.open(this.#publicKey(1), { resource: '/', protocols: [], waitUntilMs: 0 }, a.now);
    if (scenario.opening) {
      if (!scenario.stalls) this.#pullAll(this.root);
    } else {
      this.#exchange(this.root);
      for (const end of [a, b]) end.controls = 0;
      if (b.channel === null) throw new Error('the channel did not open');
    }
  }

  /** A copy of a state; stepping one does not change the other. */
  fork(state: State): State {
    return copy(state, this.#shared, (from, seen) => {
      if (!(from instanceof this.#sources.ChannelTable)) return null;
      const visible = from as unknown as { _options: unknown; _host: object };
      const table = Object.create(this.#sources.ChannelTable.prototype) as { _options: unknown; _makeHost(): object };
      table._options = visible._options;
      seen.set(visible._host, table._makeHost());
      return table;
    });
  }

  /** The same for states that differ in nothing that matters. */
  hash(state: State): number {
    const ends = state.ends.map((end) => describe(end, end.now, this.#shared, LEFT_OUT));
    const queue = state.queue.map((flying) => this.#describeFrame(state, flying)).sort();
    return hashOf([...ends, ...queue, state.cuts, state.restarts].join('|'));
  }

  /** A CONTROL is what it says, not which number it bears: counters and ids count by their order alone. */
  #describeFrame(state: State, { to, message }: Flying): string {
    const content = message.subarray(MESSAGE_HEAD_BYTES);
    if (content[0] !== KIND.control) return `${to}${describe(message, 0, this.#shared, LEFT_OUT)}`;
    const view = new DataView(content.buffer, content.byteOffset);
    const [epoch, counter] = [view.getUint32(17), view.getUint32(25)];
    const box = this.#provider.termOf(content.subarray(29))?.term;
    if (box?.kind !== 'box') return 'garbage';
    const said = new DataView(box.plaintext.buffer, box.plaintext.byteOffset);
    const [type, next, limit, id] = [box.plaintext[0], said.getUint32(5), said.getUint32(13), said.getUint32(21)];
    const sender = sessionOf(state.ends[to === 0 ? 1 : 0]);
    const receiver = sessionOf(state.ends[to === 0 ? 0 : 1]);
    // A PONG's id is its asker's, which receives it; a PING's its sender's.
    const asker = type === CONTROL_TYPE.pong || type === CONTROL_TYPE.ack ? receiver : sender;
    const question = asker?._probe._questions.findIndex((one) => one.id === id) ?? -1;
    const last = receiver?._keys._lastReceived;
    const stale = last !== undefined && (epoch < last.epoch || (epoch === last.epoch && counter <= last.counter));
    const order = state.queue.filter(
      (other) =>
        other.to === to &&
        other.message[MESSAGE_HEAD_BYTES] === KIND.control &&
        Buffer.compare(
          other.message.subarray(MESSAGE_HEAD_BYTES + 17, MESSAGE_HEAD_BYTES + 29),
          content.subarray(17, 29),
        ) < 0,
    ).length;
    return stale ? `${to}stale` : `${to}control ${epoch} ${order} ${type} ${next} ${limit} ${id === 0 ? 0 : question}`;
  }

  actions(state: State): Action[] {
    const { scenario } = this;
    const actions: Action[] = [];
    for (const [
      end,
      { table, now, connected, sent, unread, closeRequested, channel, end: over },
    ] of state.ends.entries()) {
      const live = channel !== null && over === null && !closeRequested && channel.phase !== 'opening';
      if (scenario.stalls && connected && state.queue.length < scenario.relayQueue) actions.push({ type: 'pull', end });
      const wakeAtMs = this.#nextTimer(table, now);
      if (wakeAtMs !== null && wakeAtMs - now < SOON_MS) actions.push({ type: 'timer', end });
      if (live && sent.length < (scenario.messages[end] ?? 0)) actions.push({ type: 'send', end });
      if (unread > 0) actions.push({ type: 'read', end });
      if (live && scenario.closes.includes(end)) actions.push({ type: 'close', end });
      if (connected && state.cuts < scenario.cuts) actions.push({ type: 'cut', end });
      if (!connected) actions.push({ type: 'connect', end });
    }
    if (state.restarts < scenario.restarts) actions.push({ type: 'restart', end: 1 });
    for (const [index, { to }] of state.queue.entries()) {
      actions.push({ type: 'drop', index });
      if (state.ends[to === 0 ? 0 : 1].connected) actions.push({ type: 'deliver', index }, { type: 'repeat', index });
    }
    return actions;
  }

  /** Takes a step. False if it does nothing, or goes past the scenario's bounds. @throws Violation */
  step(state: State, action: Action): boolean {
    this.#current = state;
    switch (action.type) {
      case 'deliver':
      case 'repeat':
      case 'drop': {
        const flying = state.queue[action.index];
        if (flying === undefined) return false;
        if (action.type !== 'repeat') state.queue.splice(action.index, 1);
        if (action.type !== 'drop') this.#deliver(state, flying);
        break;
      }
      case 'restart':
        this.#restart(state);
        break;
      default:
        if (!this.#stepEnd(state, action.type, action.end)) return false;
    }
    this.#check(state);
    return this.scenario.stalls || this.#pullAll(state);
  }

  /** From any state a relay that behaves leads to full delivery, or to the close of both ends. @throws Violation */
  checkFairRun(from: State): void {
    const state = this.fork(from);
    this.#current = state;
    for (const end of state.ends) {
      if (end.connected) continue;
      end.connected = true;
      end.table.connected(end.now);
    }
    for (let timers = 0; ; timers++) {
      this.#exchange(state);
      this.#check(state);
      if (this.#settled(state)) return;
      if (timers === MAX_FAIR_TIMERS)
        throw new Violation(`a fair relay does not lead to delivery: ${JSON.stringify(state.ends.map(summary))}`);
      this.#passTime(state);
    }
  }

  /** Describes a state for a person. */
  summary(state: State): string {
    return JSON.stringify({
      ends: state.ends.map(summary),
      queue: state.queue.map(({ to, message }) => `${to}:${message[MESSAGE_HEAD_BYTES]}`),
    });
  }

  /** What is due leaves at once; where the relay holds no more, the oldest is lost. */
  #pullAll(state: State): boolean {
    for (const index of [0, 1]) while (this.#stepEnd(state, 'pull', index)) if (this.#tooMany(state)) return false;
    while (state.queue.length > this.scenario.relayQueue) state.queue.shift();
    return true;
  }

  #tooMany(state: State): boolean {
    return state.ends.some(({ controls }) => controls > this.scenario.controls);
  }

  #stepEnd(
    state: State,
    type: 'pull' | 'timer' | 'send' | 'read' | 'close' | 'cut' | 'connect',
    index: number,
  ): boolean {
    const end = state.ends[index === 0 ? 0 : 1];
    switch (type) {
      case 'pull': {
        const message = end.connected ? end.table.nextFrame(end.now) : null;
        if (message === null) return false;
        if (message[MESSAGE_HEAD_BYTES] !== KIND.data) end.controls++;
        state.queue.push({ to: 1 - index, message });
        return !this.scenario.stalls || !this.#tooMany(state);
      }
      case 'timer':
        end.now = this.#nextTimer(end.table, end.now) ?? end.now;
        end.table.wake(end.now);
        return true;
      case 'send': {
        const text = `${index}${end.sent.length}`;
        end.sent.push(text);
        end.channel?.send(text, end.now);
        return true;
      }
      case 'read':
        end.unread--;
        end.channel?.delivered(end.now);
        return true;
      case 'close':
        end.closeRequested = true;
        end.channel?.close(CLOSE_CODE + index, '', end.now);
        return true;
      case 'cut':
        state.cuts++;
        end.connected = false;
        end.table.disconnected(end.now);
        return true;
      case 'connect':
        end.connected = true;
        end.table.connected(end.now);
        return true;
    }
  }

  /** B's process ends and another begins, with the same identity and nothing else. */
  #restart(state: State): void {
    state.restarts++;
    const fresh = this.#newEnd(1);
    fresh.random = state.ends[1].random + 50;
    fresh.opened = state.ends[1].opened;
    state.ends[1] = fresh;
    fresh.table.connected(fresh.now);
  }

  #deliver(state: State, { to, message }: Flying): void {
    const end = state.ends[to === 0 ? 0 : 1];
    end.table.receive(this.#publicKey(1 - to), message.slice(MESSAGE_HEAD_BYTES), end.now);
  }

  /** Delivers all there is, in order, until nothing moves; time stands still. @throws Violation if that does not end */
  #exchange(state: State): void {
    for (let frames = 0; ; ) {
      for (const index of [0, 1] as const) {
        const end = state.ends[index];
        while (end.unread > 0) this.#stepEnd(state, 'read', index);
        for (let message = end.table.nextFrame(end.now); message !== null; message = end.table.nextFrame(end.now))
          state.queue.push({ to: 1 - index, message });
      }
      if (state.queue.length === 0) return;
      for (const flying of state.queue.splice(0)) {
        if (++frames > MAX_EXCHANGE) throw new Violation('frames answer frames without end');
        this.#deliver(state, flying);
      }
    }
  }

  #passTime(state: State): void {
    const waits = state.ends.map(({ table, now }) => (this.#nextTimer(table, now) ?? Number.POSITIVE_INFINITY) - now);
    const wait = Math.min(...waits);
    if (!Number.isFinite(wait)) throw new Violation('nothing is due, and not all has arrived');
    for (const end of state.ends) {
      end.now += wait;
      end.table.wake(end.now);
    }
  }

  #settled(state: State): boolean {
    const [a, b] = state.ends;
    if (a.end !== null && (b.end !== null || b.channel === null)) {
      if (state.restarts === 0 && !(a.end.wasClean && b.end?.wasClean))
        throw new Violation('a fair relay does not lead a close to its end');
      return true;
    }
    if (a.channel?.phase === 'opening' || b.channel === null) return false;
    return (
      a.end === null &&
      b.end === null &&
      !a.closeRequested &&
      !b.closeRequested &&
      a.received.length === b.sent.length &&
      b.received.length === a.sent.length &&
      a.channel?.bufferedAmount === 0 &&
      b.channel.bufferedAmount === 0
    );
  }

  /** Safety, in every state. */
  #check(state: State): void {
    const [a, b] = state.ends;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      // A restarted B begins again; what the one before it was given is not its own.
      if (state.restarts === 0 && !to.received.every((text, i) => text === from.sent[i]))
        throw new Violation(`delivered ${to.received.join()} of ${from.sent.join()}`);
      if (to.opened > 1) throw new Violation('one OPEN, two connections');
      if (to.end !== null && to.end.code !== 1006 && !(from.closeRequested || to.closeRequested))
        throw new Violation(`a close with ${to.end.code} that nobody sent`);
      if (this.scenario.closes.length === 0 && state.restarts === 0 && to.end !== null)
        throw new Violation(`an end that nothing justifies: ${JSON.stringify(to.end)}`);
      if (state.restarts === 0) this.#checkRetained(from, to);
    }
    if (this.scenario.rekeyAfterFrames < 100) this.#checkTheft(a, b);
  }

  /** A sender never frees a frame that the receiver lacks. */
  #checkRetained(from: End, to: End): void {
    const [sending, receiving] = [sessionOf(from), sessionOf(to)];
    if (sending === null || receiving === null) return;
    if (sending._outgoing._acked > receiving._incoming.next)
      throw new Violation(`freed ${sending._outgoing._acked} frames; the peer has ${receiving._incoming.next}`);
  }

  /** Whoever stole all keys before a rekey (and neither static nor ephemeral secrets) can derive none after it. */
  #checkTheft(a: End, b: End): void {
    const [session, other] = [sessionOf(a), sessionOf(b)];
    if (session === null || other === null || session._keys._epoch !== 1 || other._keys._epoch !== 1) return;
    const { _root, _send, _receive, _sendControl } = session._keys;
    const before = this.#provider.termOf(_root)?.term;
    if (before?.kind !== 'kdf') return;
    // The root before the rekey is its salt; with it go all keys of that epoch.
    const stolen = [before.salt];
    for (const key of [_send.bytes, _receive.bytes, _sendControl, _root])
      if (derivable(this.#provider, key, stolen))
        throw new Violation('keys stolen before a rekey open what follows it');
  }

  #sealed(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): void {
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
    const slot = text(key) + text(nonce);
    const known = this.#current.sealed.get(slot);
    if (known !== undefined && known !== text(plaintext)) throw new Violation('one key and nonce seal two plaintexts');
    this.#current.sealed.set(slot, text(plaintext));
  }

  #emit(index: number, channel: Channel, event: ChannelEvent): void {
    const end = this.#current.ends[index === 0 ? 0 : 1];
    if (end.channel === null) end.channel = channel;
    if (event.type === 'open') end.opened++;
    else if (event.type === 'close') end.end = event.end;
    else if (event.type === 'message') {
      if (end.opened === 0 || end.end !== null) throw new Violation('a message outside of open');
      end.received.push(String(event.data));
      if (this.scenario.slowReaders) end.unread++;
      else channel.delivered(end.now);
    }
  }

  #random(index: number, length: number): Uint8Array {
    const end = this.#current.ends[index === 0 ? 0 : 1];
    const bytes = new Bytes(new ArrayBuffer(length));
    bytes[length - 1] = ++end.random;
    if (length > 8) bytes[0] = index + 1;
    return bytes;
  }

  #newEnd(index: number): End {
    const options = this.#options[index];
    if (options === undefined) throw new Error('no such end');
    return {
      table: new this.#sources.ChannelTable(options),
      channel: null,
      now: 1_000_000,
      random: 0,
      connected: true,
      controls: 0,
      sent: [],
      closeRequested: false,
      received: [],
      unread: 0,
      opened: 0,
      end: null,
    };
  }

  #publicKey(index: number): Uint8Array {
    return this.#options[index]?.staticKey.publicKeyBytes() ?? new Uint8Array(32);
  }

  #nextTimer(table: ChannelTable, nowMs: number): number | null {
    const at = table.wakeAtMs;
    return at === null ? null : Math.max(at, nowMs);
  }
}

/** What of a session's private fields the properties look at. */
interface VisibleSession {
  readonly _outgoing: { readonly _acked: number };
  readonly _incoming: { readonly next: number };
  readonly _probe: { readonly _questions: readonly { readonly id: number }[] };
  readonly _keys: {
    readonly _lastReceived: { readonly epoch: number; readonly counter: number };
    readonly _epoch: number;
    readonly _root: Uint8Array;
    readonly _send: { readonly bytes: Uint8Array };
    readonly _receive: { readonly bytes: Uint8Array };
    readonly _sendControl: Uint8Array;
  };
}

function sessionOf({ channel }: End): VisibleSession | null {
  const state = (channel as unknown as { _state: Partial<VisibleSession> | null } | null)?._state;
  return state?._keys === undefined ? null : (state as VisibleSession);
}

function summary({ channel, sent, received, controls, end, connected }: End) {
  return {
    phase: channel?.phase ?? null,
    sent,
    received,
    controls,
    connected,
    end: end?.failure?.code ?? end?.code ?? null,
  };
}
