import {
  contentOf,
  KIND,
  newMessage,
  parseChannelFrame,
  readU32,
  readU53,
  writeU53,
} from '../../src/channel/channel-frame.js';
import { CONTROL_TYPE } from '../../src/channel/control.js';
import { nameOf } from '../../src/channel/reset.js';
import { anySessionOf, type End } from './end.js';
import { other, type Side } from './scenario.js';
import { Bytes, latin1, type SymbolicProvider } from './symbolic-provider.js';

/** Where a CONTROL's epoch, counter and box begin in its frame. */
const EPOCH_AT = 17;
const COUNTER_AT = 21;
const BOX_AT = 29;
/** Where the id is in what a CONTROL says. */
const ID_AT = 17;
/** Where a counter is in a nonce. */
const NONCE_COUNTER_AT = 16;
/** The name of a question that its asker has forgotten. */
export const FORGOTTEN = 0xffff;

/** The new names of an end's questions, by their old ones less one. */
export type Renaming = readonly number[];

/**
 * A frame that the relay holds. A CONTROL is what it says: not which counter it bears (the order of those that are held
 * tells which is newer) nor which random id, but which of the asker's questions it asks or answers. A RESET of a CONTROL
 * is one of any.
 */
export interface Frame {
  readonly number: number;
  readonly to: Side;
  readonly kind: number;
  /** Of DATA; otherwise -1. */
  readonly seq: number;
  /** Of a CONTROL with an id: whose question it is about. */
  readonly asker: Side | null;
  readonly resetsControl: boolean;
  /** The frame as an end has sealed it. */
  readonly message: Uint8Array;
  /** Which question, by the asker's name for it. */
  readonly question: number;
  /** Of a CONTROL: whether it, or a newer one, has been opened. Then it has the counter that was taken last. */
  readonly old: boolean;
  /** Whether the relay made it up. */
  readonly forged: boolean;
  /** Whether it sealed it under stolen keys. */
  readonly stolen: boolean;
}

/** How long a forged frame's content is. */
const FORGED_BYTES = { [KIND.data]: 64, [KIND.control]: BOX_AT + 41, [KIND.reset]: EPOCH_AT + 24 + 47 } as const;
/** More than any counter or seq of a run. */
const MANY = 1_000;
const NO_PARTS = {
  seq: -1,
  asker: null,
  resetsControl: false,
  question: 0,
  old: false,
  forged: false,
  stolen: false,
} as const;

/** Tells frames apart, and makes bytes of them that an end can be given. */
export class Frames {
  readonly #provider: SymbolicProvider;
  readonly #numbers = new Map<string, number>();
  readonly #all: Frame[] = [];
  /** By another question. */
  readonly #forms = new Map<Frame, Map<number, Frame>>();
  /** What stands in an end for the CONTROLs that it has sealed last, and what a RESET of one of them names. */
  readonly anyControl: Uint8Array;

  constructor(provider: SymbolicProvider) {
    this.#provider = provider;
    this.anyControl = Bytes.from(newMessage(new Uint8Array(32), KIND.control, new Uint8Array(16), BOX_AT + 41));
  }

  /** What a relay makes up for an end: nothing opens it. DATA has this `seq`. */
  forged(to: Side, peer: Uint8Array, channelId: Uint8Array, kind: keyof typeof FORGED_BYTES, seq: number): Frame {
    const message = newMessage(peer, kind, channelId, FORGED_BYTES[kind]);
    if (kind === KIND.data) writeU53(contentOf(message), EPOCH_AT, seq);
    if (kind === KIND.control) writeU53(contentOf(message), COUNTER_AT, MANY);
    return this.#intern(`${to}forged${latin1(message)}`, { ...NO_PARTS, to, kind, message, forged: true });
  }

  /** What a thief has sealed. */
  stolen(to: Side, message: Uint8Array): Frame {
    const kind = contentOf(message)[0] ?? 0;
    return this.#intern(`${to}stolen${latin1(message)}`, {
      ...NO_PARTS,
      to,
      kind,
      message,
      forged: true,
      stolen: true,
    });
  }

  at(number: number): Frame {
    const frame = this.#all[number];
    if (frame === undefined) throw new Error('no such frame');
    return frame;
  }

  get size(): number {
    return this.#all.length;
  }

  /** The frame that `message`, just sealed for `to`, is. `nameOf` names a question of its sender's. */
  take(to: Side, message: Uint8Array, nameOf: (id: number) => number): Frame {
    const content = contentOf(message);
    const base = { ...NO_PARTS, to, message, kind: content[0] ?? 0 };
    switch (content[0]) {
      case KIND.data:
        return this.#intern(`${to}${latin1(message)}`, { ...base, seq: readU53(content, EPOCH_AT) });
      case KIND.control: {
        const { key, plaintext } = this.#box(content.subarray(BOX_AT));
        const id = readU53(plaintext, ID_AT);
        const asks = plaintext[0] === CONTROL_TYPE.ping || plaintext[0] === CONTROL_TYPE.resume;
        const asker = id === 0 ? null : asks ? other(to) : to;
        return this.#internControl(key, plaintext, { ...base, asker, question: asks ? nameOf(id) : id });
      }
      case KIND.reset: {
        const { plaintext } = this.#box(content.subarray(EPOCH_AT + 24));
        const resetsControl = plaintext[2] === KIND.control;
        const said = resetsControl ? `${plaintext[1]}` : latin1(plaintext);
        return this.#intern(`${to}reset${said}`, { ...base, resetsControl });
      }
      default:
        return this.#intern(`${to}${latin1(message)}`, base);
    }
  }

  /** The content of `frame` as `end` may be given it: a CONTROL with a counter that it has not seen. */
  give(frame: Frame, end: End): Uint8Array {
    const content = contentOf(frame.message).slice();
    if (frame.kind === KIND.control && !frame.forged) {
      const { key, nonce, plaintext } = this.#box(content.subarray(BOX_AT));
      const last = anySessionOf(end)?._keys._lastReceived;
      const taken = last?.epoch === readU32(content, EPOCH_AT) ? last.counter : -1;
      const counter = Math.max(0, frame.old ? taken : taken + 1);
      const [said, fresh] = [plaintext.slice(), nonce.slice()];
      writeU53(said, ID_AT, frame.question);
      writeU53(fresh, NONCE_COUNTER_AT, counter);
      writeU53(content, COUNTER_AT, counter);
      content.set(this.#provider.box(key, fresh, said), BOX_AT);
    } else if (frame.resetsControl) {
      const { key, nonce, plaintext } = this.#box(content.subarray(EPOCH_AT + 24));
      const said = plaintext.slice();
      said.set(nameOfMessage(this.anyControl), 2);
      content.set(this.#provider.box(key, nonce, said), EPOCH_AT + 24);
    }
    return content;
  }

  /** The same frame once `asker` names its questions anew. */
  renamed(frame: Frame, asker: Side, names: Renaming): Frame {
    if (frame.asker !== asker) return frame;
    const question = names[frame.question - 1] ?? FORGOTTEN;
    if (question === frame.question) return frame;
    const forms = this.#forms.get(frame) ?? new Map<number, Frame>();
    this.#forms.set(frame, forms);
    let renamed = forms.get(question);
    if (renamed === undefined) {
      const { key, plaintext } = this.#box(contentOf(frame.message).subarray(BOX_AT));
      renamed = this.#internControl(key, plaintext, { ...frame, question });
      forms.set(question, renamed);
    }
    return renamed;
  }

  /** A CONTROL that its receiver has opened, or one that is older. */
  aged(frame: Frame): Frame {
    if (frame.old) return frame;
    const { key, plaintext } = this.#box(contentOf(frame.message).subarray(BOX_AT));
    return this.#internControl(key, plaintext, { ...frame, old: true });
  }

  /** For a person. */
  describe({ to, kind, seq, message, question, forged, stolen }: Frame): string {
    const name = Object.entries(KIND).find(([, value]) => value === kind)?.[0] ?? 'unknown';
    const said =
      kind === KIND.control && !forged ? this.#box(contentOf(message).subarray(BOX_AT)).plaintext[0] : undefined;
    const type = Object.entries(CONTROL_TYPE).find(([, value]) => value === said)?.[0];
    return [
      stolen ? `under stolen keys, ${this.#said(message)}:` : forged ? 'forged' : null,
      name,
      type,
      seq < 0 ? null : seq,
      question === 0 ? null : `#${question}`,
      `to ${'AB'[to]}`,
    ]
      .filter((part) => part !== null && part !== undefined)
      .join(' ');
  }

  /** The first byte that a frame says, in hex: the opcode of DATA, or a CONTROL's type. */
  #said(message: Uint8Array): string {
    const content = contentOf(message);
    const { plaintext } = this.#box(content.subarray(content[0] === KIND.data ? BOX_AT - 4 : BOX_AT));
    return (plaintext[0] ?? 0).toString(16);
  }

  #internControl(key: Uint8Array, plaintext: Uint8Array, frame: Omit<Frame, 'number'>): Frame {
    const said = latin1(plaintext.subarray(0, ID_AT));
    return this.#intern(`${frame.to}control${latin1(key)}${said}${frame.question}${frame.old ? 'old' : ''}`, frame);
  }

  #intern(key: string, frame: Omit<Frame, 'number'>): Frame {
    const known = this.#numbers.get(key);
    if (known !== undefined) return this.at(known);
    const interned = { ...frame, number: this.#all.length };
    this.#numbers.set(key, interned.number);
    this.#all.push(interned);
    return interned;
  }

  #box(bytes: Uint8Array) {
    const term = this.#provider.termOf(bytes)?.term;
    if (term?.kind !== 'box') throw new Error('a frame that nobody sealed');
    return term;
  }
}

function nameOfMessage(message: Uint8Array): Uint8Array {
  const frame = parseChannelFrame(contentOf(message));
  if (frame === null || frame.kind === 'reset') throw new Error('a frame that has no name');
  return nameOf(frame);
}
