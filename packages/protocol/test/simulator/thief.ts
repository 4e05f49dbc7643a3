import { type CryptoProvider, encodeHex } from '@sws/crypto';
import { KIND } from '../../src/channel/channel-frame.js';
import { CONTROL_TYPE, encodeControl } from '../../src/channel/control.js';
import { encodeData, FIN, OPCODE, type Opcode } from '../../src/channel/data.js';
import { encodeUtf8 } from '../../src/utf8.js';
import type { Clock } from './clock.js';
import { Violation } from './conversation.js';
import { joined } from './mangling.js';
import { Relay } from './relay.js';
import type { Seeded } from './seeded.js';
import { toy } from './toy-provider.js';

const KEY_BYTES = 32;
/** What a thief's messages begin with. */
export const FORGED = 'forged';

/** The five keys of epoch 0: root, then DATA and CONTROL from and to the initiator. */
interface Epoch {
  readonly data: readonly [Uint8Array, Uint8Array];
  readonly control: readonly [Uint8Array, Uint8Array];
}

/** The keys of the first channel as they are derived, and what must hold of them at each end, whatever the machines think. */
export class Keys {
  /** Epoch 0's, once there are any. */
  stolen: Epoch | null = null;
  readonly #old = new Set<string>();
  readonly #newData = new Set<string>();

  /** The provider of one end. It fails as soon as an end that has completed a rekey seals or opens under stolen keys. */
  providerOf(role: 'initiator' | 'responder'): CryptoProvider {
    let completed = false;
    const used = (key: Uint8Array, what: 'seals' | 'opens'): void => {
      const name = encodeHex(key);
      // A completes with the first DATA that it seals under the new key, B with the first that it opens.
      if (this.#newData.has(name) && (role === 'initiator') === (what === 'seals')) completed = true;
      if (completed && this.#old.has(name)) throw new Violation(`the ${role} ${what} under stolen keys after a rekey`);
    };
    return {
      ...toy,
      hkdf: (salt, ikm, info, length) => {
        const bytes = toy.hkdf(salt, ikm, info, length);
        if (length === 5 * KEY_BYTES) this.#derived(bytes.slice(), info.length > 7);
        return bytes;
      },
      secretboxSeal: (key, nonce, plaintext, into) => {
        used(key, 'seals');
        return toy.secretboxSeal(key, nonce, plaintext, into);
      },
      secretboxOpen: (key, nonce, box, into) => {
        const plaintext = toy.secretboxOpen(key, nonce, box, into);
        if (plaintext !== null) used(key, 'opens');
        return plaintext;
      },
    };
  }

  #derived(bytes: Uint8Array, byRekey: boolean): void {
    const part = (index: number) => bytes.slice(index * KEY_BYTES, (index + 1) * KEY_BYTES);
    if (byRekey) {
      for (const key of [part(1), part(2)]) this.#newData.add(encodeHex(key));
      return;
    }
    for (const key of [1, 2, 3, 4].map(part)) this.#old.add(encodeHex(key));
    this.stolen = { data: [part(1), part(2)], control: [part(3), part(4)] };
  }
}

/** A relay that carries all there is, now and then twice or not at all, and forges under stolen keys whenever it is told to. */
export class ThiefRelay extends Relay {
  /** How often a frame is lost, or comes twice. */
  rate = 0;
  /** How often it forges a frame when one passes, and how often it keeps CONTROLs back: what was said last under its keys then is. */
  eager = 0;
  deafness = 0;
  /** Frames that it forged. */
  forged = 0;
  /** Set to have B's answer to a rekey held back, and `rekeyed` forged to B in the meantime: called then. */
  onAnswer: (() => void) | null = null;
  readonly #keys: Keys;
  #held: (() => void) | null = null;
  /** Of the channel: who opened it and to whom, its id, and the next seq and the epoch of each. */
  #ends: readonly [string, string] = ['', ''];
  #channelId = new Uint8Array(16);
  readonly #next: [number, number] = [0, 0];
  readonly epochs: [number, number] = [0, 0];

  constructor(clock: Clock, random: Seeded, keys: Keys) {
    super(clock, random, toy);
    this.#keys = keys;
  }

  /** One frame to either end, of any kind, as one who holds epoch 0's keys can make it. */
  forge(): void {
    const { stolen } = this.#keys;
    if (stolen === null) return;
    const { random } = this;
    const from = random.pick([0, 1] as const);
    const [sender, receiver] = from === 0 ? this.#ends : [this.#ends[1], this.#ends[0]];
    this.forged++;
    const frame = random.chance(0.5) ? this.#data(from, stolen.data[from]) : this.#control(from, stolen.control[from]);
    this.bring(sender, receiver, frame);
  }

  protected override route(from: string, to: string, content: Uint8Array): void {
    this.#note(from, to, content);
    if (this.#isAnswer(from, content)) {
      this.#held = () => super.route(from, to, content);
      return this.onAnswer?.();
    }
    if (this.random.chance(this.eager)) this.forge();
    if (content[0] === KIND.control && this.random.chance(this.deafness)) return;
    if (!this.random.chance(this.rate)) super.route(from, to, content);
    else if (this.random.chance(0.5)) for (let times = 0; times < 2; times++) super.route(from, to, content);
  }

  /** `rekeyed` for B, at once. */
  forgeRekeyed(): void {
    const { stolen } = this.#keys;
    const [a, b] = this.#ends;
    if (stolen !== null) this.bring(a, b, this.#seal(stolen.data[0], this.#next[0], OPCODE.rekeyed, new Uint8Array(0)));
  }

  /** What was held back goes on. */
  release(): void {
    const held = this.#held;
    this.onAnswer = null;
    held?.();
  }

  #isAnswer(from: string, content: Uint8Array): boolean {
    const { stolen } = this.#keys;
    if (this.onAnswer === null || stolen === null || from !== this.#ends[1] || content[0] !== KIND.data) return false;
    const plaintext = toy.secretboxOpen(
      stolen.data[1],
      joined(new Uint8Array(16), content.subarray(17, 25)),
      content.subarray(25),
    );
    return plaintext?.[0] === (FIN | OPCODE.rekey);
  }

  #note(from: string, to: string, content: Uint8Array): void {
    const view = new DataView(content.buffer, content.byteOffset, content.length);
    if (content[0] === KIND.open) {
      this.#ends = [from, to];
      this.#channelId = content.slice(1, 17);
    }
    const side = from === this.#ends[0] ? 0 : 1;
    if (content[0] === KIND.data) this.#next[side] = Math.max(this.#next[side], view.getUint32(21) + 1);
    if (content[0] === KIND.control) this.epochs[side] = Math.max(this.epochs[side], view.getUint32(17));
  }

  #data(from: 0 | 1, key: Uint8Array): Uint8Array {
    const { random } = this;
    const [opcode, bytes] = random.pick<readonly [Opcode, Uint8Array]>([
      [OPCODE.text, encodeUtf8(FORGED)],
      [OPCODE.rekey, toy.x25519PublicKey(random.bytes(32))],
      [OPCODE.rekeyed, new Uint8Array(0)],
      [OPCODE.close, Uint8Array.of(0x12, 0x3a)],
    ]);
    return this.#seal(key, Math.max(0, this.#next[from] - random.below(2)), opcode, bytes);
  }

  #seal(key: Uint8Array, seq: number, opcode: Opcode, bytes: Uint8Array): Uint8Array {
    const nonce = new Uint8Array(24);
    new DataView(nonce.buffer).setUint32(20, seq);
    const box = toy.secretboxSeal(key, nonce, encodeData(opcode, true, bytes, 'padme'));
    return joined(Uint8Array.of(KIND.data), this.#channelId, nonce.subarray(16), box);
  }

  #control(from: 0 | 1, key: Uint8Array): Uint8Array {
    const { random } = this;
    const nonce = new Uint8Array(24);
    const view = new DataView(nonce.buffer);
    // Its own epoch, or one that has come since.
    view.setUint32(12, random.pick([0, 0, this.epochs[from]]));
    view.setUint32(20, 1_000 + this.forged);
    const type = random.pick(Object.values(CONTROL_TYPE));
    const next = Math.max(0, this.#next[1 - from === 0 ? 0 : 1] - random.below(2));
    const plaintext = encodeControl({ type, next, limit: 2 ** 24, id: 1 + random.below(100) });
    return joined(
      Uint8Array.of(KIND.control),
      this.#channelId,
      nonce.subarray(12),
      toy.secretboxSeal(key, nonce, plaintext),
    );
  }
}
