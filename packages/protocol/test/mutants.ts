import { PEER_MUTANTS } from './peer-mutants.js';

/** A seeded defect: one change of the source, which the tests must find. */
export interface Mutant {
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The tests that must find it. @defaultValue the malicious relay, liveness and fuzzing */
  readonly by?: string;
}

const session = 'channel/session.ts';
const controls = 'channel/controls.ts';

/** What the malicious relay and the liveness tests must find, each a way to lose something (PROTOCOL §4). */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'RESUME is not answered by resending',
    file: controls,
    find: 'if (control.next < this.#outgoing.cursor) this.recovery.passSoon(this.probe.rttMs, nowMs);',
    replace: '',
  },
  {
    name: 'a lost tail is not resent',
    file: controls,
    find: 'if (control.next < question.cursor && control.next === this.#outgoing.acked)',
    replace: 'if (question.cursor === -1)',
  },
  {
    name: 'a reconnected end sends no RESUME',
    file: controls,
    find: 'if (isOpen && this.probe.separated) this.#queue.resumeDue = true;',
    replace: '',
  },
  {
    name: 'a RESET counts whatever it echoes',
    file: 'channel/channel.ts',
    find: 'if (!this.#phase.provoked(name)) return false;',
    replace: 'if (name.bytes.length === 0) return false;',
  },
  {
    name: 'a RESET sets code and reason',
    file: 'channel/channel-event.ts',
    find: "return { code: 1006, reason: '', wasClean: false, failure };",
    replace: "return { code: 1000, reason: '', wasClean: true, failure };",
  },
  {
    name: 'a gap is accepted',
    file: session,
    find: 'if (seq > next) {',
    replace: 'if (seq > next + 2) {',
  },
  {
    name: 'a duplicate is accepted',
    file: session,
    find: 'if (seq < next) return true;',
    replace: '',
  },
  {
    name: 'more is acknowledged than was taken',
    file: controls,
    find: 'encodeControl({ type, next, limit, id })',
    replace: 'encodeControl({ type, next: next + (next > 3 ? 1 : 0), limit, id })',
  },
  {
    name: 'a frame is let go before it is acknowledged',
    file: 'channel/outgoing.ts',
    find: 'while (this.#acked < next) {',
    replace: 'while (this.#acked < next + 1 && this.#acked < this.#cursor) {',
  },
  {
    name: 'an acknowledgement of what was not sent is believed',
    file: 'channel/outgoing.ts',
    find: 'if (next > this.#sealed) return false;',
    replace: 'if (next > this.#sealed) next = this.#sealed;',
    // A relay cannot say it: a peer must.
    by: 'test/vectors',
  },
  {
    name: 'the sender ignores credit',
    file: 'channel/outgoing.ts',
    find: 'return this.#charged + charge <= this.#limit && this.#hasRoom(charge, nowMs);',
    replace: 'return this.#hasRoom(charge, nowMs);',
  },
  {
    name: 'of messages that share a frame only the first is taken',
    file: 'channel/incoming.ts',
    find: 'at = item.next;',
    replace: 'at = 0;',
  },
  {
    name: 'a frame takes messages that do not fit into it',
    file: 'channel/outgoing.ts',
    find: 'if (length > most || ',
    replace: 'if (',
    by: 'test/channel',
  },
  {
    name: 'a frame takes messages beyond the credit',
    file: 'channel/outgoing.ts',
    find: ' || this.#charged + this.#chargeOf(count, length) > this.#limit) break;',
    replace: ') break;',
    by: 'test/channel',
  },
  {
    name: 'credit is not given back',
    file: 'channel/incoming.ts',
    find: 'this.#waitingHeld -= held;',
    replace: '',
  },
  {
    name: 'credit that was said is not said again',
    file: 'channel/acknowledgement.ts',
    find: 'if (unsaid > 0) this.scheduleBy(',
    replace: 'if (unsaid < 0) this.scheduleBy(',
  },
  {
    name: 'ACCEPT is not sent again',
    file: session,
    find: "if (state.name === 'half-open' && equalBytes(content, state.open)) state.acceptDue = true;",
    replace: '',
  },
  {
    name: 'a connection is announced before its peer has confirmed',
    file: session,
    find: 'deadline, acceptDue: true });',
    replace: "deadline, acceptDue: true });\n    session.#events.push({ type: 'open' });",
  },
  {
    name: 'an old CONTROL is taken again',
    file: 'channel/channel-keys.ts',
    find: 'if (epoch < last.epoch || (epoch === last.epoch && counter <= last.counter)) return null;',
    replace: 'if (counter > last.counter + 1_000) return null;',
  },
  {
    name: 'UNDELIVERABLE ends an open channel',
    file: session,
    find: 'this.#controls.handle(input, isOpen, nowMs);',
    replace:
      "if (input.type === 'undeliverable' && input.code !== 'congested') return this.abort({ code: 'offline', detail: '' });\n    this.#controls.handle(input, isOpen, nowMs);",
  },
  {
    name: 'PEER_GONE ends an open channel',
    file: session,
    find: 'this.#controls.handle(input, isOpen, nowMs);',
    replace:
      "if (input.type === 'peer-gone' && isOpen) return this.abort({ code: 'offline', detail: '' });\n    this.#controls.handle(input, isOpen, nowMs);",
  },
  {
    name: 'congested is never over',
    file: 'channel/recovery.ts',
    find: 'this.heldUntil = nowMs + jitter(random, waitMs, 2 * waitMs);',
    replace: 'this.heldUntil = nowMs + 1_000 * jitter(random, waitMs, 2 * waitMs);',
  },
  {
    name: 'the responder takes its new receive key too early',
    file: 'channel/rekey.ts',
    find: 'this.#outgoing.enqueueUrgent(OPCODE.rekey, answer);',
    replace: 'this.#keys.switchReceive();\n    this.#outgoing.enqueueUrgent(OPCODE.rekey, answer);',
  },
  {
    name: 'the initiator keeps its old send key',
    file: 'channel/rekey.ts',
    find: 'this.#keys.switchSend();\n      this.#complete();',
    replace: 'this.#complete();',
  },
  {
    name: 'rekeyed is taken before the answer to rekey is sealed',
    file: 'channel/rekey.ts',
    find: "if (this.#state.step !== 'answered') return",
    replace: "if (this.#state.step !== 'answered' && this.#state.step !== 'answering') return",
    by: 'test/vectors',
  },
  {
    name: 'an answer is taken before rekey is sealed',
    file: 'channel/rekey.ts',
    find: "if (this.#state.step !== 'asked') return",
    replace: "if (this.#state.step !== 'asked' && this.#state.step !== 'asking') return",
    by: 'test/channel',
  },
  {
    name: 'rekeys are not metered',
    file: 'channel/rekey.ts',
    find: 'return this.#frames >= frames ? nowMs : this.#completedAt + MIN_REKEY_INTERVAL_MS;',
    replace: 'return this.#frames >= frames ? nowMs : nowMs;',
    by: 'test/vectors',
  },
  {
    name: 'an answer is retained for every rekey',
    file: 'channel/rekey.ts',
    find: 'this.#outgoing.closeSealed || !this.#isAcknowledged) return NEVER;',
    replace: 'this.#outgoing.closeSealed) return NEVER;',
    by: 'test/channel',
  },
  {
    name: 'CONTROL still opens under the key before a rekey',
    file: 'channel/channel-keys.ts',
    find: 'const key = epoch === this.#epoch ? this.#receiveControl : ahead?.receive;',
    replace:
      'const own = this as unknown as { kept?: Map<number, Uint8Array> };\n    own.kept ??= new Map();\n    if (!own.kept.has(this.#epoch)) own.kept.set(this.#epoch, this.#receiveControl.slice());\n    const key = own.kept.get(epoch) ?? ahead?.receive;',
    by: 'test/simulator/thief',
  },
  {
    name: 'DATA is opened under both keys',
    file: 'channel/channel-keys.ts',
    find: 'const plaintext = this.#provider.secretboxOpen(this.#receive.bytes, dataNonce(seq), box, into);',
    replace:
      'const own = this as unknown as { first?: Uint8Array };\n    own.first ??= this.#receive.bytes.slice();\n    const plaintext =\n      this.#provider.secretboxOpen(this.#receive.bytes, dataNonce(seq), box, into) ??\n      this.#provider.secretboxOpen(own.first, dataNonce(seq), box, into);',
    by: 'test/simulator/thief',
  },
  {
    name: 'the old CONTROL key is not overwritten',
    file: 'channel/channel-keys.ts',
    find: 'erase(this.#sendControl, this.#receiveControl);',
    replace: 'erase(this.#sendControl);',
    by: 'test/channel',
  },
  {
    name: 'a refused OPEN leaves es',
    file: 'channel/channel-table.ts',
    find: 'handshake.erase();',
    replace: '',
    by: 'test/channel',
  },
  {
    name: 'the seed of the ML-KEM key is left',
    file: 'channel/handshake.ts',
    find: 'erase(seed);',
    replace: '',
    by: 'test/channel',
  },
  {
    name: 'what a rekey has mixed is left',
    file: 'channel/channel-keys.ts',
    find: 'erase(own.secret, ee, es, se);',
    replace: 'if (ikm !== null) erase(own.secret, ee, es, se);',
    by: 'test/channel',
  },
  {
    name: 'a RESET counts whatever tag it names',
    file: session,
    find: 'return message !== null && isNamed(message, name);',
    replace: 'return message !== null;',
    by: 'test/vectors',
  },
  {
    name: 'a close is not answered',
    file: session,
    find: 'if (!this.#outgoing.closeSealed) this.#outgoing.enqueueUrgent(OPCODE.close, encodeClose(status));',
    replace: '',
  },
  {
    name: 'a closed end lets its frames go',
    file: session,
    find: "this.#state = { name: 'tombstone', until: nowMs + this.#context.settings.resumeTimeoutMs };",
    replace: "this.#state = { name: 'tombstone', until: nowMs + 1 };",
  },
  {
    name: 'a separation lasts for ever',
    file: session,
    find: 'if (since !== null && nowMs - since > resumeTimeoutMs) {',
    replace: 'if (since !== null && nowMs - since > 100 * resumeTimeoutMs) {',
  },
  {
    name: 'the relay is never asked whether it lives',
    file: 'connection/connection.ts',
    find: '} else if (now >= this.#pingAt(state)) this.#ping(now);',
    replace: '} else if (now < 0) this.#ping(now);',
  },
  {
    name: 'a frozen process takes its own sleep for silence',
    file: 'connection/connection.ts',
    find: 'this.#frozenMs = nowMs - due;',
    replace: 'this.#frozenMs += 0;',
  },
  {
    name: 'after a 4409 it fights for the key',
    file: 'connection/connection.ts',
    find: "failure.code === 'replaced' ? wasRegistered && !settled && !this.#replacedOnce : FAILURES[failure.code].retry;",
    replace: "failure.code === 'replaced' || FAILURES[failure.code].retry;",
  },
  {
    name: 'RESTARTING is ignored',
    file: 'connection/connection.ts',
    find: 'if (this.#restart !== null && now >= this.#restart.at) {',
    replace: 'if (this.#restart !== null && now < 0) {',
  },
  ...PEER_MUTANTS,
];

/** A vite plugin that builds a mutant into the source. Throws where the defect no longer fits the source. */
export function mutation(name: string): {
  name: string;
  enforce: 'pre';
  transform(code: string, id: string): string | undefined;
} {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant "${name}"`);
  return {
    name: 'mutant',
    enforce: 'pre',
    transform(code, id) {
      return id.endsWith(`/src/${mutant.file}`) ? mutate(mutant, code) : undefined;
    },
  };
}

/** The file's text with the defect in it. */
export function mutate({ name, file, find, replace }: Mutant, code: string): string {
  const parts = code.split(find);
  if (parts.length !== 2) throw new Error(`mutant "${name}": ${file} has its text ${parts.length - 1} times, not once`);
  return parts.join(replace);
}
