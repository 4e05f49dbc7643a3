import type { Channel, ChannelEvent, ChannelTable } from '../../src/index.js';
import { MESSAGE_HEAD_BYTES } from '../../src/index.js';
import { copy } from './copy.js';
import { Fingerprint, Fingerprints } from './fingerprint.js';
import { fingerprintOfFrame, withoutCopies } from './frames.js';
import { checkSafety, isSettled } from './properties.js';
import { type Action, type Scenario, Violation } from './scenario.js';
import type { loadSources } from './sources.js';
import { type End, type Flying, type State, summary, touched } from './state.js';
import { Bytes, SymbolicProvider, symbolicStaticKey } from './symbolic-provider.js';

type Sources = Awaited<ReturnType<typeof loadSources>>;

/** Timers further away than this do not fire: resumeTimeout and tombstones last longer than any run here. */
const SOON_MS = 40_000;
/** Ephemeral secrets and the randomness of ML-KEM; what is shorter is a jitter, an id or a nonce. */
const SECRET_BYTES = 32;
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

/** Runs the real machines, two ends and a relay that does what it likes, one action at a time. */
export class Explorable {
  readonly scenario: Scenario;
  readonly root: State;
  readonly #sources: Sources;
  readonly #provider = new SymbolicProvider();
  readonly #shared: Set<unknown>;
  readonly #fingerprints: Fingerprints;
  /** Of ends that no step changes any more. */
  readonly #known = new WeakMap<End, number>();
  readonly #options: ConstructorParameters<Sources['ChannelTable']>[0][] = [];
  /** The run that a step is being taken in: machines' outputs go there. */
  #current: State;

  constructor(sources: Sources, scenario: Scenario) {
    this.scenario = scenario;
    this.#sources = sources;
    const settings = {
      windowBytes: 256,
      maxMessageBytes: 1_000,
      resumeTimeoutMs: 1e10,
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
    this.#fingerprints = new Fingerprints(this.#shared, LEFT_OUT);
    this.#provider.onSeal = (key, nonce, plaintext) => this.#sealed(key, nonce, plaintext);
    this.#current = { ends: [this.#newEnd(0), this.#newEnd(1)], queue: [], cuts: 0, restarts: 0, sealed: new Map() };
    this.root = this.#current;
    for (const { table, now } of this.root.ends) table.connected(now);
    const [a, b] = this.root.ends;
    a.channel = a.table.open(this.#publicKey(1), { resource: '/', protocols: [], waitUntilMs: 0 }, a.now);
    if (scenario.opening) {
      if (!scenario.stalls) this.#pullAll(this.root, 0);
    } else {
      this.#exchange(this.root);
      if (b.channel === null) throw new Error('the channel did not open');
    }
  }

  /** A copy of a state in which `action` can be taken: what it does not touch is shared. */
  fork(state: State, action: Action): State {
    const [a, b] = state.ends;
    const to = touched(state, action);
    return {
      ...state,
      ends: [to === 0 ? this.#copy(a) : a, to === 1 ? this.#copy(b) : b],
      queue: [...state.queue],
    };
  }

  #copy(end: End): End {
    return copy(end, this.#shared, (from, seen) => {
      if (!(from instanceof this.#sources.ChannelTable)) return null;
      const visible = from as unknown as { _options: unknown; _host: object };
      const table = Object.create(this.#sources.ChannelTable.prototype) as { _options: unknown; _makeHost(): object };
      table._options = visible._options;
      seen.set(visible._host, table._makeHost());
      return table;
    });
  }

  /** The same for states that differ in nothing that matters. */
  fingerprint(state: State): number {
    const print = new Fingerprint().add(state.cuts).add(state.restarts);
    for (const end of state.ends) print.add(this.#fingerprintOf(end));
    for (const frame of state.queue.map((flying) => fingerprintOfFrame(state, flying, this.#provider)).sort())
      print.add(frame);
    return print.value;
  }

  #fingerprintOf(end: End): number {
    const known = this.#known.get(end) ?? this.#fingerprints.of(end, end.now);
    this.#known.set(end, known);
    return known;
  }

  actions(state: State): Action[] {
    const { scenario } = this;
    // A relay that has been given more than it holds loses some of it first, whichever.
    if (state.queue.length > scenario.relayQueue) return state.queue.map((_, index) => ({ type: 'drop', index }));
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
      if (state.ends[to === 0 ? 1 : 0].connected) actions.push({ type: 'reflect', index });
    }
    return actions;
  }

  /** Takes a step. False if it does nothing. @throws Violation */
  step(state: State, action: Action): boolean {
    this.#current = state;
    const to = touched(state, action);
    switch (action.type) {
      case 'deliver':
      case 'repeat':
      case 'reflect':
      case 'drop': {
        const flying = state.queue[action.index];
        if (flying === undefined) return false;
        if (action.type === 'deliver' || action.type === 'drop') state.queue.splice(action.index, 1);
        if (to !== null) this.#deliver(state, { ...flying, to });
        break;
      }
      case 'restart':
        this.#restart(state);
        break;
      default:
        if (!this.#stepEnd(state, action.type, action.end)) return false;
    }
    checkSafety(state, this.scenario, this.#provider);
    if (!this.scenario.stalls && to !== null) this.#pullAll(state, to);
    state.queue = withoutCopies(state.queue);
    return true;
  }

  /** From any state a relay that behaves leads to full delivery, or to the close of both ends. @throws Violation */
  checkFairRun(from: State): void {
    const state: State = {
      ...from,
      ends: [this.#copy(from.ends[0]), this.#copy(from.ends[1])],
      queue: [...from.queue],
    };
    this.#current = state;
    for (const end of state.ends) {
      if (end.connected) continue;
      end.connected = true;
      end.table.connected(end.now);
    }
    for (let timers = 0; ; timers++) {
      this.#exchange(state);
      checkSafety(state, this.scenario, this.#provider);
      if (isSettled(state)) return;
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

  /** What is due leaves at once. @throws Violation if it does not end */
  #pullAll(state: State, index: number): void {
    for (let frames = 0; this.#stepEnd(state, 'pull', index); frames++)
      if (frames > MAX_EXCHANGE) throw new Violation('an end sends frames without end');
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
        state.queue.push({ to: 1 - index, message });
        return true;
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
    const { secrets, others } = state.ends[1].random;
    fresh.random = { secrets: secrets + 50, others: others + 50 };
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

  /** Nonces are counted up, under every key: so none is used for two plaintexts. */
  #sealed(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): void {
    const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const seal = { nonce: text(nonce), plaintext: text(plaintext) };
    const last = this.#current.sealed.get(text(key));
    if (
      last !== undefined &&
      (seal.nonce < last.nonce || (seal.nonce === last.nonce && seal.plaintext !== last.plaintext))
    )
      throw new Violation('one key and nonce seal two plaintexts');
    this.#current.sealed = new Map(this.#current.sealed).set(text(key), seal);
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
    bytes[length - 1] = length >= SECRET_BYTES ? ++end.random.secrets : ++end.random.others;
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
      random: { secrets: 0, others: 0 },
      connected: true,
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
