import type { Mutant } from '../mutants.js';
import type { DEEP_SCENARIOS, SCENARIOS } from './scenarios.js';

/** A seeded defect per property: a search that does not find it would not find a real one. */
export const MUTANTS: readonly (Mutant & {
  readonly scenario: keyof typeof SCENARIOS | keyof typeof DEEP_SCENARIOS;
  readonly breaks: RegExp;
})[] = [
  {
    name: 'a duplicate is taken again',
    scenario: 'transfer',
    breaks: /^delivered /,
    file: 'channel/session.ts',
    find: 'if (seq < next) return true;',
    replace: '',
  },
  {
    name: 'a frame behind a gap is taken',
    scenario: 'transfer',
    breaks: /^delivered /,
    file: 'channel/session.ts',
    find: 'if (seq > next) {',
    replace: 'if (seq > next + 1) {',
  },
  {
    name: 'CONTROLs repeat their counter',
    scenario: 'transfer',
    breaks: /one key and nonce/,
    file: 'channel/channel-keys.ts',
    find: 'const counter = this.#sendCounter++;',
    replace: 'const counter = this.#sendCounter;',
  },
  {
    name: 'an acknowledgement frees one frame too many',
    scenario: 'transfer',
    breaks: /^freed |^an end that nothing justifies/,
    file: 'channel/outgoing.ts',
    find: 'while (this.#acked < next) {',
    replace: 'while (this.#acked < next + 1) {',
  },
  {
    name: 'every frame announces the channel anew',
    scenario: 'handshake',
    breaks: /two connections/,
    file: 'channel/session.ts',
    find: "if (this.#state.phase !== 'half-open') return;\n    this.#state =",
    replace: "if (this.#state.phase !== 'half-open') return this.#emit({ type: 'open' });\n    this.#state =",
  },
  {
    name: 'a PONG is answered',
    scenario: 'handshake',
    breaks: /without end/,
    file: 'channel/session.ts',
    find: 'case CONTROL_TYPE.ping:',
    replace: 'case CONTROL_TYPE.pong:\n      case CONTROL_TYPE.ping:',
  },
  {
    name: 'nothing is sent again',
    scenario: 'transfer',
    breaks: /does not lead to delivery|nothing is due/,
    file: 'channel/recovery.ts',
    find: 'outgoing.resend();',
    replace: '',
  },
  {
    name: 'a rekey mixes no fresh secret in',
    scenario: 'rekey',
    breaks: /stolen before a rekey/,
    file: 'channel/channel-keys.ts',
    find: 'const ikm = concatBytes(ee, es, se);',
    replace: 'const ikm = new Uint8Array(96);',
  },
  {
    name: 'the new key holds one frame too early',
    scenario: 'rekey both',
    breaks: /does not lead to delivery|nothing is due|nothing justifies/,
    file: 'channel/rekey.ts',
    find: '    this.#enqueueLast(outgoing, OPCODE.rekey, answer);',
    replace: '    keys.switchSend();\n    this.#enqueueLast(outgoing, OPCODE.rekey, answer);',
  },
  {
    name: 'a RESET sets the close code',
    scenario: 'restart',
    breaks: /that nobody sent/,
    file: 'channel/channel-event.ts',
    find: 'code: 1006,',
    replace: 'code: 1000,',
  },
  {
    name: 'the sender ignores its credit',
    scenario: 'slow reader, window',
    breaks: /nothing justifies/,
    file: 'channel/outgoing.ts',
    find: 'return this.#charged + this.#chargeOf(message) <= this.#limit;',
    replace: 'return true;',
  },
  {
    name: 'credit for what was delivered is not given back',
    scenario: 'window',
    breaks: /does not lead to delivery|nothing is due/,
    file: 'channel/incoming.ts',
    find: '    this.limit += charge;\n    if',
    replace: '    if',
  },
  {
    name: 'the answer to a close is not sent',
    scenario: 'close',
    breaks: /does not lead /,
    file: 'channel/session.ts',
    find: '    if (!this.#outgoing.closeSealed) this.#outgoing.enqueueUrgent(OPCODE.close, encodeClose(status));\n',
    replace: '',
  },
];
