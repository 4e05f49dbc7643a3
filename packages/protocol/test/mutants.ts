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

/** What the malicious relay and the liveness tests must find, each a way to lose something (PROTOCOL §4). */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'RESUME is not answered by resending',
    file: session,
    find: 'if (control.next < this.#outgoing.cursor) this.#recovery.passSoon(this.#probe.rttMs, nowMs);',
    replace: '',
  },
  {
    name: 'a lost tail is not resent',
    file: session,
    find: 'if (sentThen !== null && control.next < sentThen && control.next === this.#outgoing.acked)',
    replace: 'if (sentThen === -1)',
  },
  {
    name: 'a reconnected end sends no RESUME',
    file: session,
    find: "if (this.#state.phase === 'open' && this.#probe.separated) this.#controls.resumeDue = true;",
    replace: '',
  },
  {
    name: 'a RESET counts whatever it echoes',
    file: 'channel/channel.ts',
    find: 'if (this.#state === null || !this.#state.provoked(echo)) return false;',
    replace: 'if (echo.length === 0) return false;',
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
    file: session,
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
    // A relay can not say it: a peer must.
    by: 'test/vectors',
  },
  {
    name: 'the sender ignores credit',
    file: 'channel/outgoing.ts',
    find: 'return this.#charged + this.#chargeOf(message) <= this.#limit;',
    replace: 'return this.#chargeOf(message) > 0;',
  },
  {
    name: 'credit is not given back',
    file: 'channel/incoming.ts',
    find: 'this.limit += charge;\n    if (this.#waiting.length === 0) {',
    replace: 'if (this.#waiting.length === 0) {',
  },
  {
    name: 'credit that was said is not said again',
    file: 'channel/acknowledgement.ts',
    find: 'if (unsaid > 0) this.soon(',
    replace: 'if (unsaid < 0) this.soon(',
  },
  {
    name: 'ACCEPT is not sent again',
    file: session,
    find: "if (state.phase === 'half-open' && equalBytes(content, state.open)) state.acceptDue = true;",
    replace: '',
  },
  {
    name: 'a connection is announced before its peer has confirmed',
    file: session,
    find: "return new Session(context, 'responder', keys, outgoing, state);",
    replace:
      "const early = new Session(context, 'responder', keys, outgoing, state);\n    early.#emit({ type: 'open' });\n    return early;",
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
    find: 'if (congestedSeq === null) this.#probe.soon(nowMs);',
    replace: "if (congestedSeq === null) this.abort({ code: 'offline', detail: '' });",
  },
  {
    name: 'PEER_GONE ends an open channel',
    file: session,
    find: "if (this.#state.phase === 'open') this.#probe.soon(nowMs);\n  }",
    replace: "if (this.#state.phase === 'open') this.abort({ code: 'offline', detail: '' });\n  }",
  },
  {
    name: 'congested is never over',
    file: 'channel/recovery.ts',
    find: 'this.heldUntil = nowMs + jitter(random, CONGESTED_MIN_MS, CONGESTED_MAX_MS);',
    replace: 'this.heldUntil = nowMs + 1_000 * jitter(random, CONGESTED_MIN_MS, CONGESTED_MAX_MS);',
  },
  {
    name: 'the responder takes its new receive key too early',
    file: 'channel/rekey.ts',
    find: 'this.#enqueueLast(outgoing, OPCODE.rekey, answer);',
    replace: 'keys.switchReceive();\n    this.#enqueueLast(outgoing, OPCODE.rekey, answer);',
  },
  {
    name: 'the initiator keeps its old send key',
    file: 'channel/rekey.ts',
    find: 'this.#keys.switchSend();\n    if',
    replace: "if (this.#role === 'responder') this.#keys.switchSend();\n    if",
  },
  {
    name: 'a close is not answered',
    file: session,
    find: 'this.#outgoing.enqueueUrgent(OPCODE.close, encodeClose(status));',
    replace: 'this.#acknowledgement.soon(nowMs);',
  },
  {
    name: 'a closed end lets its frames go',
    file: session,
    find: "this.#state = { phase: 'tombstone', until: nowMs + this.#context.settings.resumeTimeoutMs };",
    replace: "this.#state = { phase: 'tombstone', until: nowMs + 1 };",
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
