import { concatBytes } from '@sws/crypto';
import { fail, type Result, succeed } from '../result.js';
import { decodeUtf8 } from '../utf8.js';
import { type CloseStatus, decodeClose } from './close-status.js';
import { decodeData, isChannelOpcode, OPCODE } from './data.js';
import { Deque } from './deque.js';
import { FRAME_CHARGE_BYTES } from './outgoing.js';

/** What one DATA frame, taken in order, amounts to. */
export type Taken =
  | { readonly type: 'fragment' }
  | { readonly type: 'message'; readonly data: string | Uint8Array }
  | { readonly type: 'rekey'; readonly key: Uint8Array }
  | { readonly type: 'rekeyed' }
  | { readonly type: 'close'; readonly status: CloseStatus };

/**
 * The receiving half of a channel: the next seq, reassembly, and the credit granted. Memory is bounded by the window
 * plus `maxMessageBytes`: a fragment's credit returns when it is taken only while no complete message waits.
 */
export class Incoming {
  readonly #maxMessageBytes: number;
  #fragments: Uint8Array[] = [];
  #assembled = 0;
  #opcode: typeof OPCODE.text | typeof OPCODE.binary | null = null;
  #charged = 0;
  /** Charges of complete messages that wait for `delivered`, in order. */
  readonly #waiting = new Deque<number>();
  /** Charge of non-final fragments taken while a message waited. */
  #heldBack = 0;
  /** The next seq expected. */
  next = 0;
  /** The total charge granted to the peer. */
  limit: number;

  constructor(windowBytes: number, maxMessageBytes: number) {
    this.limit = windowBytes;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Takes the plaintext of frame `next`, which is the caller's again when this returns. */
  take(plaintext: Uint8Array): Result<Taken> {
    this.next++;
    const decoded = decodeData(plaintext);
    if (!decoded.ok) return decoded;
    const { opcode, fin, bytes } = decoded.value;
    if (isChannelOpcode(opcode)) return takeOwn(opcode, bytes);
    const charge = plaintext.length + FRAME_CHARGE_BYTES;
    this.#charged += charge;
    if (this.#charged > this.limit) return fail('protocol-error', `DATA is over the credit of ${this.limit} bytes`);
    if (opcode === OPCODE.text || opcode === OPCODE.binary) {
      if (this.#opcode !== null) return fail('protocol-error', 'a message began inside another');
      this.#opcode = opcode;
    } else if (this.#opcode === null) {
      return fail('protocol-error', 'a continuation without a message');
    }
    this.#assembled += bytes.length;
    if (this.#assembled > this.#maxMessageBytes) {
      return fail('message-too-big', `a message is over maxMessageBytes, ${this.#maxMessageBytes}`);
    }
    if (!fin) {
      this.#fragments.push(bytes.slice());
      if (this.#waiting.length > 0) this.#heldBack += charge;
      else this.limit += charge;
      return succeed({ type: 'fragment' });
    }
    const whole = this.#fragments.length === 0 ? bytes : concatBytes(...this.#fragments, bytes);
    // A binary message in one frame is still a view of the caller's array.
    const data = this.#opcode === OPCODE.text ? decodeUtf8(whole) : whole === bytes ? bytes.slice() : whole;
    this.#fragments = [];
    this.#assembled = 0;
    this.#opcode = null;
    if (data === null) return fail('invalid-text', 'a text message is not UTF-8');
    this.#waiting.push(charge);
    return succeed({ type: 'message', data });
  }

  /** The application has taken the oldest message that waited: its credit returns. */
  delivered(): void {
    const charge = this.#waiting.shift();
    if (charge === undefined) return;
    this.limit += charge;
    if (this.#waiting.length === 0) {
      this.limit += this.#heldBack;
      this.#heldBack = 0;
    }
  }

  clear(): void {
    this.#fragments = [];
    this.#waiting.clear();
  }
}

function takeOwn(opcode: number, bytes: Uint8Array): Result<Taken> {
  if (opcode === OPCODE.close) {
    const status = decodeClose(bytes);
    return status.ok ? succeed({ type: 'close', status: status.value }) : status;
  }
  const expected = opcode === OPCODE.rekey ? 32 : 0;
  if (bytes.length !== expected) return fail('protocol-error', `opcode ${opcode} carries ${expected} bytes`);
  return succeed(opcode === OPCODE.rekey ? { type: 'rekey', key: bytes.slice() } : { type: 'rekeyed' });
}
