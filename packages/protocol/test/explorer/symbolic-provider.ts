import type { CryptoProvider } from '@sws/crypto';
import type { StaticKey } from '../../src/index.js';

/** How a term came about. What an attacker can derive follows from this alone. */
export type Term =
  | { readonly kind: 'hash'; readonly input: Uint8Array }
  | { readonly kind: 'kdf'; readonly salt: Uint8Array; readonly ikm: Uint8Array; readonly info: Uint8Array }
  | { readonly kind: 'public'; readonly secret: Uint8Array }
  | { readonly kind: 'dh'; readonly secrets: readonly [Uint8Array, Uint8Array] }
  | { readonly kind: 'kem-public'; readonly seed: Uint8Array }
  | { readonly kind: 'kem-secret'; readonly seed: Uint8Array }
  | { readonly kind: 'kem-ciphertext'; readonly encapsulationKey: Uint8Array; readonly random: Uint8Array }
  | { readonly kind: 'kem-shared'; readonly encapsulationKey: Uint8Array; readonly random: Uint8Array }
  | { readonly kind: 'box'; readonly key: Uint8Array; readonly nonce: Uint8Array; readonly plaintext: Uint8Array };

/** Bytes that nobody overwrites: copies of a world share them, and an erasure in one must not reach the others. */
export class Bytes extends Uint8Array<ArrayBuffer> {
  override fill(): this {
    return this;
  }
}

const MARK = 0xa5;
const BLOCK = 16;
/** Bytes as a text of as many characters: a key of a map. */
export const latin1 = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/**
 * Cryptography as terms: each operation on the same input gives the same bytes, unlike those of any other term, and
 * nothing opens but by the rules. So a run explores the protocol, not the primitives, and costs microseconds.
 */
export class SymbolicProvider implements CryptoProvider {
  readonly name = 'symbolic';
  readonly #terms: Term[] = [];
  readonly #ids = new Map<string, number>();
  /** Called with every box sealed: whoever explores checks that no nonce repeats. */
  onSeal: (key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array) => void = () => {};

  /** The term that these bytes (or the 16-byte block they begin with) belong to. */
  termOf(bytes: Uint8Array): { readonly id: number; readonly term: Term } | null {
    if (bytes.length < BLOCK || bytes[15] !== MARK || bytes[14] !== MARK) return null;
    const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    const term = this.#terms[id];
    return term === undefined ? null : { id, term };
  }

  sha512(bytes: Uint8Array): Uint8Array {
    return this.#make(`h${latin1(bytes)}`, 64, () => ({ kind: 'hash', input: bytes.slice() }));
  }

  hkdf(salt: Uint8Array, ikm: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    const key = `k${salt.length},${ikm.length},${latin1(salt)}${latin1(ikm)}${latin1(info)}`;
    return this.#make(key, length, () => ({ kind: 'kdf', salt: salt.slice(), ikm: ikm.slice(), info: info.slice() }));
  }

  x25519PublicKey(secret: Uint8Array): Uint8Array {
    return this.#make(`p${latin1(secret)}`, 32, () => ({ kind: 'public', secret: secret.slice() }));
  }

  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
    const theirs = this.termOf(publicKey)?.term;
    if (theirs?.kind !== 'public') return new Uint8Array(32);
    const [a, b] = [latin1(secret), latin1(theirs.secret)];
    return this.#make(a < b ? `d${a}${b}` : `d${b}${a}`, 32, () => ({
      kind: 'dh',
      secrets: [secret.slice(), theirs.secret],
    }));
  }

  kemKeyPair(seed: Uint8Array) {
    const text = latin1(seed);
    return {
      encapsulationKey: this.#make(`e${text}`, 1184, () => ({ kind: 'kem-public', seed: seed.slice() })),
      decapsulationKey: this.#make(`s${text}`, 2400, () => ({ kind: 'kem-secret', seed: seed.slice() })),
    };
  }

  kemEncapsulate(encapsulationKey: Uint8Array, random: Uint8Array) {
    const of = this.termOf(encapsulationKey);
    if (of?.term.kind !== 'kem-public') return null;
    const parts = { encapsulationKey: encapsulationKey.slice(0, BLOCK), random: random.slice() };
    const key = `${of.id},${latin1(random)}`;
    return {
      ciphertext: this.#make(`c${key}`, 1088, () => ({ kind: 'kem-ciphertext', ...parts })),
      sharedSecret: this.#make(`K${key}`, 32, () => ({ kind: 'kem-shared', ...parts })),
    };
  }

  kemDecapsulate(ciphertext: Uint8Array, decapsulationKey: Uint8Array): Uint8Array | null {
    const [sealed, own] = [this.termOf(ciphertext)?.term, this.termOf(decapsulationKey)?.term];
    if (sealed?.kind !== 'kem-ciphertext' || own?.kind !== 'kem-secret') return null;
    const encapsulationKey = this.#make(`e${latin1(own.seed)}`, 1184, () => ({ kind: 'kem-public', seed: own.seed }));
    const matches = this.termOf(encapsulationKey)?.id === this.termOf(sealed.encapsulationKey)?.id;
    const shared = matches ? this.kemEncapsulate(encapsulationKey, sealed.random)?.sharedSecret : undefined;
    return shared ?? this.sha512(ciphertext).slice(0, 32);
  }

  secretboxSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, into?: Uint8Array): Uint8Array {
    this.onSeal(key, nonce, plaintext);
    const box = this.box(key, nonce, plaintext);
    if (into === undefined) return box;
    into.set(box);
    return into;
  }

  /** A box that no end has sealed here. */
  box(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return this.#make(`b${latin1(key)}${latin1(nonce)}${latin1(plaintext)}`, plaintext.length + BLOCK, () => ({
      kind: 'box',
      key: key.slice(),
      nonce: nonce.slice(),
      plaintext: plaintext.slice(),
    }));
  }

  secretboxOpen(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array | null {
    const of = this.termOf(box);
    if (of?.term.kind !== 'box') return null;
    const { term } = of;
    const whole = fill(of.id, term.plaintext.length + BLOCK);
    const opens = same(box, whole) && same(key, term.key) && same(nonce, term.nonce);
    return opens ? term.plaintext.slice() : null;
  }

  ed25519PublicKey(): Uint8Array {
    throw new Error('channels do not sign');
  }
  ed25519Sign(): Uint8Array {
    throw new Error('channels do not sign');
  }
  ed25519Verify(): boolean {
    throw new Error('channels do not sign');
  }

  #make(key: string, length: number, term: () => Term): Uint8Array {
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#terms.length;
      this.#ids.set(key, id);
      this.#terms.push(term());
    }
    return fill(id, length);
  }
}

/** Blocks of 16 bytes: term (4), block (2), 0xa5 …: every 32-byte part of a term's bytes is unique. */
function fill(id: number, length: number): Bytes {
  const bytes = new Bytes(new ArrayBuffer(length));
  Uint8Array.prototype.fill.call(bytes, MARK);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 6 <= length; at += BLOCK) {
    view.setUint32(at, id);
    view.setUint16(at + 4, at / BLOCK);
  }
  return bytes;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A static key whose secret is the byte `name`, 32 times. */
export function symbolicStaticKey(provider: SymbolicProvider, name: number): StaticKey {
  const secret = new Uint8Array(32).fill(name);
  const publicKey = provider.x25519PublicKey(secret);
  return { publicKeyBytes: () => publicKey, dh: (theirs) => provider.x25519(secret, theirs) };
}

/**
 * Whether someone who knows `known` and every public value, but none of the secrets (save `own`), can derive these bytes.
 * Bytes are taken apart into 32-byte terms; what is no term (labels, zeros) is public.
 */
export function derivable(
  provider: SymbolicProvider,
  bytes: Uint8Array,
  known: readonly Uint8Array[],
  own?: Uint8Array,
): boolean {
  if (known.some((one) => same(one, bytes))) return true;
  const of = provider.termOf(bytes);
  if (of === null) return true;
  const { term } = of;
  switch (term.kind) {
    case 'dh':
      return own !== undefined && term.secrets.some((secret) => same(secret, own));
    case 'kem-shared':
    case 'kem-secret':
      return false;
    case 'kdf':
      return [term.salt, term.ikm, term.info].every((part) => partsDerivable(provider, part, known, own));
    case 'hash':
      return partsDerivable(provider, term.input, known, own);
    default:
      return true;
  }
}

function partsDerivable(
  provider: SymbolicProvider,
  bytes: Uint8Array,
  known: readonly Uint8Array[],
  own?: Uint8Array,
): boolean {
  for (let at = 0; at < bytes.length; ) {
    if (provider.termOf(bytes.subarray(at)) === null) {
      at++;
      continue;
    }
    if (!derivable(provider, bytes.subarray(at, at + 32), known, own)) return false;
    at += 32;
  }
  return true;
}
