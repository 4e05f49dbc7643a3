import { concatBytes, naclProvider as provider } from '@sws/crypto';
import { type ControlType, encodeControl } from '../../src/channel/control.js';
import {
  type DataItem,
  encodeData,
  encodeItems,
  isChannelOpcode,
  OPCODE,
  type Opcode,
} from '../../src/channel/data.js';
import { ITEM_CHARGE_BYTES } from '../../src/channel/outgoing.js';
import { deriveHandshake, deriveRekey, type EpochKeys, type HandshakeInputs } from './derivation.js';
import { hex, utf8 } from './hex.js';

export type End = 'initiator' | 'responder';

/** What a frame completes for the application. */
export type Delivers =
  | { readonly text: string }
  | { readonly binary: string }
  | { readonly close: { readonly code: number; readonly reason: string } };

/** One frame of a recorded channel: OPEN and ACCEPT, then DATA and CONTROL with what is inside. */
export type Step = { readonly from: End; readonly frame: string; readonly afterMs?: number } & (
  | { readonly kind: 'OPEN' | 'ACCEPT' }
  | { readonly kind: 'CONTROL'; readonly epoch: number; readonly counter: number; readonly plaintext: string }
  | {
      readonly kind: 'DATA';
      readonly epoch: number;
      readonly seq: number;
      readonly plaintext: string;
      readonly delivers?: Delivers;
      /** What follows in the same frame. */
      readonly more?: readonly Delivers[];
      /** It was sent before: the same bytes. */
      readonly again?: true;
    }
);

/** A whole message as an item of a DATA plaintext. */
export function itemOf(message: string | Uint8Array): DataItem {
  return typeof message === 'string'
    ? { opcode: OPCODE.text, fin: true, bytes: utf8(message) }
    : { opcode: OPCODE.binary, fin: true, bytes: message };
}

/** u64, big-endian. */
export function u64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

interface Sender {
  dataEpoch: number;
  controlEpoch: number;
  /** What each DATA frame was charged, in order. */
  readonly charges: number[];
  counter: number;
}

/** Writes a channel down frame by frame: seals with the keys and nonces that PROTOCOL §4 gives. */
export class Recorder {
  readonly inputs: HandshakeInputs;
  readonly steps: Step[] = [];
  readonly epochs: EpochKeys[];
  readonly #senders: Record<End, Sender> = {
    initiator: { dataEpoch: 0, controlEpoch: 0, charges: [], counter: 0 },
    responder: { dataEpoch: 0, controlEpoch: 0, charges: [], counter: 0 },
  };

  constructor(inputs: HandshakeInputs) {
    this.inputs = inputs;
    const { openFrame, acceptFrame, keys } = deriveHandshake(inputs);
    this.epochs = [keys];
    this.steps.push(
      { from: 'initiator', kind: 'OPEN', frame: hex(openFrame) },
      { from: 'responder', kind: 'ACCEPT', frame: hex(acceptFrame) },
    );
  }

  #keys(epoch: number): EpochKeys {
    const keys = this.epochs[epoch];
    if (keys === undefined) throw new Error(`no epoch ${epoch}`);
    return keys;
  }

  /** A DATA frame with this plaintext, as content; nothing is recorded or counted. */
  sealData(from: End, seq: number, plaintext: Uint8Array): Uint8Array {
    const keys = this.#keys(this.#senders[from].dataEpoch);
    const key = from === 'initiator' ? keys.dataAB : keys.dataBA;
    const box = provider.secretboxSeal(key, concatBytes(new Uint8Array(16), u64(seq)), plaintext);
    return concatBytes(Uint8Array.of(3), this.inputs.channelId, u64(seq), box);
  }

  /** A CONTROL frame with this plaintext, as content; nothing is recorded or counted. */
  sealControl(from: End, epoch: number, counter: number, plaintext: Uint8Array): Uint8Array {
    const keys = this.#keys(epoch);
    const key = from === 'initiator' ? keys.controlAB : keys.controlBA;
    const nonce = concatBytes(new Uint8Array(12), u32(epoch), u64(counter));
    const box = provider.secretboxSeal(key, nonce, plaintext);
    return concatBytes(Uint8Array.of(4), this.inputs.channelId, u32(epoch), u64(counter), box);
  }

  /** `delivers`: the message that this frame completes. `afterMs`: how long after the frame before. */
  data(from: End, opcode: Opcode, fin: boolean, bytes: Uint8Array, delivers?: Delivers, afterMs?: number): void {
    const plaintext = encodeData(opcode, fin, bytes, 'padme');
    this.#record(from, plaintext, isChannelOpcode(opcode) ? 0 : 1, delivers, afterMs);
  }

  #record(
    from: End,
    plaintext: Uint8Array,
    charged: number,
    delivers?: Delivers,
    afterMs?: number,
    more?: readonly Delivers[],
  ): void {
    const sender = this.#senders[from];
    const seq = sender.charges.length;
    this.steps.push({
      from,
      kind: 'DATA',
      epoch: sender.dataEpoch,
      seq,
      plaintext: hex(plaintext),
      frame: hex(this.sealData(from, seq, plaintext)),
      ...(delivers === undefined ? {} : { delivers }),
      ...(more === undefined ? {} : { more }),
      ...(afterMs === undefined ? {} : { afterMs }),
    });
    sender.charges.push(charged === 0 ? 0 : plaintext.length + charged * ITEM_CHARGE_BYTES);
  }

  /** Whole messages in one DATA frame. */
  together(from: End, messages: readonly (string | Uint8Array)[]): void {
    const [delivers, ...more] = messages.map((one) => (typeof one === 'string' ? { text: one } : { binary: hex(one) }));
    this.#record(from, encodeItems(messages.map(itemOf), 'padme'), messages.length, delivers, undefined, more);
  }

  /** Sends a DATA frame again. */
  again(from: End, seq: number): void {
    const sent = this.steps.find((step) => step.kind === 'DATA' && step.from === from && step.seq === seq);
    if (sent?.kind !== 'DATA') throw new Error(`no DATA ${seq}`);
    const { delivers: _, more: __, ...step } = sent;
    this.steps.push({ ...step, again: true });
  }

  text(from: End, text: string): void {
    this.data(from, OPCODE.text, true, utf8(text), { text });
  }

  binary(from: End, bytes: Uint8Array): void {
    this.data(from, OPCODE.binary, true, bytes, { binary: hex(bytes) });
  }

  /** Its limit is what an end grants that gives each message to its application at once, and has memory for a partial one. */
  control(from: End, type: ControlType, next: number, id: number): void {
    const sender = this.#senders[from];
    const { charges } = this.#senders[from === 'initiator' ? 'responder' : 'initiator'];
    const first = (from === 'initiator' ? this.inputs.open : this.inputs.accept).limit;
    const limit = charges.slice(0, next).reduce((sum, charge) => sum + charge, first);
    const plaintext = encodeControl({ type, next, limit, id });
    this.steps.push({
      from,
      kind: 'CONTROL',
      epoch: sender.controlEpoch,
      counter: sender.counter,
      plaintext: hex(plaintext),
      frame: hex(this.sealControl(from, sender.controlEpoch, sender.counter, plaintext)),
    });
    sender.counter++;
  }

  close(from: End, code: number, reason: string): void {
    const bytes = concatBytes(Uint8Array.of(code >> 8, code & 255), utf8(reason));
    this.data(from, OPCODE.close, true, bytes, { close: { code, reason } });
  }

  /** The initiator's rekey. */
  rekey(ea: Uint8Array): void {
    this.data('initiator', OPCODE.rekey, true, provider.x25519PublicKey(ea));
  }

  /** The responder's answer: its last frame under the old key. */
  answerRekey(ea: Uint8Array, eb: Uint8Array, afterMs?: number): void {
    this.data('responder', OPCODE.rekey, true, provider.x25519PublicKey(eb), undefined, afterMs);
    const { initiator, responder } = this.inputs;
    this.epochs.push(deriveRekey(this.#keys(this.epochs.length - 1), initiator, responder, ea, eb));
    this.#senders.responder.dataEpoch++;
  }

  /** The initiator's last frame under the old key; from here both seal CONTROL under the new ones. */
  rekeyed(): void {
    this.data('initiator', OPCODE.rekeyed, true, new Uint8Array(0));
    for (const sender of Object.values(this.#senders)) {
      sender.controlEpoch++;
      sender.counter = 0;
    }
    this.#senders.initiator.dataEpoch++;
  }
}
