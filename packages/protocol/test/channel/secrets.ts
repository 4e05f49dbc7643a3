import { type CryptoProvider, encodeHex, equalBytes, type Identity, type RandomBytes } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import type { StaticKey } from '../../src/index.js';
import type { Seam } from './world.js';

/** Ephemeral secrets, an ML-KEM seed and its encapsulation's randomness have this many bytes or more; ids, channelIds and nonces have fewer. */
const SECRET_BYTES = 32;

interface Secret {
  readonly what: string;
  readonly bytes: Uint8Array;
  /** What it was when it was made. */
  readonly hex: string;
}

/** The outside of two ends, which remembers every array that passes it: what is a secret among them must be gone afterwards. */
export class Secrets implements Seam {
  readonly provider: CryptoProvider;
  readonly #secrets: Secret[] = [];
  readonly #all = new Set<Uint8Array>();
  readonly #hashes = new Set<Uint8Array>();
  readonly #statics: Uint8Array[] = [];
  #shared = '';

  constructor(real: CryptoProvider = nodeProvider) {
    const saw = (...arrays: readonly (Uint8Array | null | undefined)[]): void => {
      for (const array of arrays) if (array) this.#all.add(array);
    };
    this.provider = {
      ...real,
      name: real.name,
      sha512: (bytes) => {
        const hash = real.sha512(bytes);
        this.#hashes.add(hash);
        saw(bytes, hash);
        return hash;
      },
      hkdf: (salt, ikm, info, length) => {
        // A root is a salt too; any other is a hash of what is public, or a label.
        if (salt.length === SECRET_BYTES && !this.#hashes.has(salt)) this.#note('root', salt);
        saw(salt, info);
        // RESET's is ss itself.
        if (encodeHex(ikm) !== this.#shared) this.#note('ikm', ikm);
        return this.#note('derived', real.hkdf(salt, ikm, info, length));
      },
      x25519PublicKey: (secret) => real.x25519PublicKey(this.#note('ephemeral', secret)),
      x25519: (secret, theirs) => {
        saw(theirs);
        return this.#note('DH', real.x25519(this.#note('ephemeral', secret), theirs));
      },
      kemKeyPair: (seed) => {
        const pair = real.kemKeyPair(this.#note('ML-KEM seed', seed));
        this.#note('decapsulation key', pair.decapsulationKey);
        return pair;
      },
      kemEncapsulate: (key, random) => {
        saw(key);
        const made = real.kemEncapsulate(key, this.#note('encapsulation', random));
        if (made !== null) this.#note('K', made.sharedSecret);
        return made;
      },
      kemDecapsulate: (ciphertext, key) => {
        saw(ciphertext);
        const shared = real.kemDecapsulate(ciphertext, this.#note('decapsulation key', key));
        return shared === null ? null : this.#note('K', shared);
      },
      secretboxSeal: (key, nonce, plaintext, into) => {
        saw(plaintext, into);
        return real.secretboxSeal(this.#note('key', key), nonce, plaintext, into);
      },
      secretboxOpen: (key, nonce, box, into) => {
        saw(box, into);
        return real.secretboxOpen(this.#note('key', key), nonce, box, into);
      },
    };
  }

  /** How many arrays held secrets. */
  get count(): number {
    return this.#secrets.length;
  }

  /** The kinds of secrets that were seen. */
  get kinds(): Set<string> {
    return new Set(this.#secrets.map(({ what }) => what));
  }

  random(random: RandomBytes): RandomBytes {
    return (length) => (length < SECRET_BYTES ? random(length) : this.#note('random', random(length)));
  }

  staticKey(identity: Identity): StaticKey {
    this.#statics.push(identity.publicKeyBytes());
    return {
      publicKeyBytes: () => identity.publicKeyBytes(),
      dh: (theirs) => {
        const result = identity.dh(theirs);
        if (!this.#statics.some((one) => equalBytes(one, theirs))) return this.#note('DH', result);
        // ss is kept for as long as the process knows the peer: RESET needs it.
        this.#shared = encodeHex(result);
        return result;
      },
    };
  }

  /** What is left: secrets that are not overwritten, and other arrays that hold the bytes of one. */
  left(): string[] {
    const intact = this.#secrets.filter(({ bytes }) => bytes.some((byte) => byte !== 0)).map(({ what }) => what);
    const texts = [...this.#all].map(encodeHex);
    for (const { what, hex } of this.#secrets)
      if (!/^0*$/.test(hex) && texts.some((text) => text.includes(hex))) intact.push(`a copy of ${what}`);
    return intact;
  }

  #note(what: string, bytes: Uint8Array): Uint8Array {
    if (!this.#secrets.some((known) => known.bytes === bytes))
      this.#secrets.push({ what, bytes, hex: encodeHex(bytes) });
    return bytes;
  }
}
