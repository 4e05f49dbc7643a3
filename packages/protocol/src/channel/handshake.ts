import { type CryptoProvider, concatBytes, type RandomBytes } from '@sws/crypto';
import { encodeUtf8 } from '../utf8.js';
import {
  type AcceptFrame,
  CHANNEL_HEAD_BYTES,
  CT_BYTES,
  contentOf,
  EK_BYTES,
  KIND,
  newMessage,
  type OpenFrame,
  TAG_BYTES,
} from './channel-frame.js';
import { ChannelKeys, type Ephemeral, erase, isAllZero, type StaticKey } from './channel-keys.js';
import {
  type AcceptPayload,
  decodeAcceptPayload,
  decodeOpenPayload,
  encodePayload,
  type OpenPayload,
} from './payload.js';

// Noise KK's four Diffie-Hellmans (Noise Protocol Framework rev. 34, §7.5) plus ML-KEM-768 (FIPS 203). secretbox has no
// associated data, so the transcript salts every key: with another transcript nothing opens (PROTOCOL §4, Handshake).
const LABEL = encodeUtf8('sws/1 channel\0');
const INFO_OPEN = encodeUtf8('open');
const INFO_ACCEPT = encodeUtf8('accept');
const NONCE_ZERO = new Uint8Array(24);

/** What both ends of a handshake need. `sharedStatic` is DH of both static keys (ss), cached by the table. */
export interface HandshakeContext {
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly staticKey: StaticKey;
  readonly peer: Uint8Array;
  readonly sharedStatic: Uint8Array;
}

/** HKDF of concatenated secrets. The copy is overwritten. */
function derive(provider: CryptoProvider, salt: Uint8Array, ikm: Uint8Array, info: Uint8Array): Uint8Array {
  const key = provider.hkdf(salt, ikm, info, 32);
  erase(ikm);
  return key;
}

function newEphemeral(context: HandshakeContext): Ephemeral {
  const secret = context.random(32);
  return { secret, publicKey: context.provider.x25519PublicKey(secret) };
}

/**
 * The initiator's handshake. The constructor seals OPEN once; retries send the same bytes (else nonce 0 would repeat).
 */
export class InitiatorHandshake {
  /** The whole binary MESSAGE. */
  readonly open: Uint8Array;
  readonly #context: HandshakeContext;
  readonly #channelId: Uint8Array;
  readonly #ephemeral: Ephemeral;
  readonly #decapsulationKey: Uint8Array;
  readonly #es: Uint8Array;
  readonly #h2: Uint8Array;

  constructor(context: HandshakeContext, channelId: Uint8Array, payload: OpenPayload) {
    const { provider, staticKey, peer, sharedStatic } = context;
    this.#context = context;
    this.#channelId = channelId;
    const plaintext = encodePayload(payload);
    this.#ephemeral = newEphemeral(context);
    const seed = context.random(64);
    const kem = provider.kemKeyPair(seed);
    erase(seed);
    this.#decapsulationKey = kem.decapsulationKey;
    this.#es = provider.x25519(this.#ephemeral.secret, peer);
    const h0 = provider.sha512(concatBytes(LABEL, staticKey.publicKeyBytes(), peer, channelId));
    const h1 = provider.sha512(concatBytes(h0, this.#ephemeral.publicKey, kem.encapsulationKey));
    const key = derive(provider, h1, concatBytes(this.#es, sharedStatic), INFO_OPEN);
    const boxAt = CHANNEL_HEAD_BYTES + 32 + EK_BYTES;
    this.open = newMessage(peer, KIND.open, channelId, boxAt + plaintext.length + TAG_BYTES);
    const content = contentOf(this.open);
    content.set(this.#ephemeral.publicKey, CHANNEL_HEAD_BYTES);
    content.set(kem.encapsulationKey, CHANNEL_HEAD_BYTES + 32);
    const box = provider.secretboxSeal(key, NONCE_ZERO, plaintext, content.subarray(boxAt));
    erase(key);
    this.#h2 = provider.sha512(concatBytes(h1, box));
  }

  /** Opens an ACCEPT; `null` if it is not one for this OPEN. */
  receiveAccept(frame: AcceptFrame): { keys: ChannelKeys; payload: AcceptPayload } | null {
    const { provider, staticKey, peer, sharedStatic } = this.#context;
    const ee = provider.x25519(this.#ephemeral.secret, frame.ephemeral);
    const se = staticKey.dh(frame.ephemeral);
    const usable = !(isAllZero(ee) || isAllZero(se) || isAllZero(this.#es));
    const shared = usable ? provider.kemDecapsulate(frame.kem, this.#decapsulationKey) : null;
    if (shared === null) {
      erase(ee, se);
      return null;
    }
    const h3 = provider.sha512(concatBytes(this.#h2, frame.ephemeral, frame.kem));
    const ikm = concatBytes(this.#es, sharedStatic, ee, se, shared);
    erase(ee, se, shared);
    const key = provider.hkdf(h3, ikm, INFO_ACCEPT, 32);
    const plaintext = provider.secretboxOpen(key, NONCE_ZERO, frame.box);
    erase(key);
    const payload = plaintext === null ? null : decodeAcceptPayload(plaintext);
    if (payload === null) {
      erase(ikm);
      return null;
    }
    const h4 = provider.sha512(concatBytes(h3, frame.box));
    this.erase();
    return { keys: new ChannelKeys(provider, staticKey, peer, this.#channelId, 'initiator', h4, ikm), payload };
  }

  /** Overwrites the ephemeral secrets. */
  erase(): void {
    erase(this.#ephemeral.secret, this.#decapsulationKey, this.#es);
  }
}

/** The responder's handshake, after its OPEN has opened. `accept` or `erase` ends it. */
export class ResponderHandshake {
  readonly payload: OpenPayload;
  readonly #context: HandshakeContext;
  readonly #channelId: Uint8Array;
  readonly #theirs: Uint8Array;
  readonly #kem: Uint8Array;
  readonly #es: Uint8Array;
  readonly #h2: Uint8Array;

  private constructor(
    context: HandshakeContext,
    frame: OpenFrame,
    es: Uint8Array,
    h2: Uint8Array,
    payload: OpenPayload,
  ) {
    this.#context = context;
    this.#channelId = frame.channelId.slice();
    this.#theirs = frame.ephemeral.slice();
    this.#kem = frame.kem.slice();
    this.#es = es;
    this.#h2 = h2;
    this.payload = payload;
  }

  /** Opens an OPEN; `null` if it does not open. */
  static receiveOpen(context: HandshakeContext, frame: OpenFrame): ResponderHandshake | null {
    const { provider, staticKey, peer, sharedStatic } = context;
    const es = staticKey.dh(frame.ephemeral);
    if (isAllZero(es) || isAllZero(sharedStatic)) {
      erase(es);
      return null;
    }
    const h0 = provider.sha512(concatBytes(LABEL, peer, staticKey.publicKeyBytes(), frame.channelId));
    const h1 = provider.sha512(concatBytes(h0, frame.ephemeral, frame.kem));
    const key = derive(provider, h1, concatBytes(es, sharedStatic), INFO_OPEN);
    const plaintext = provider.secretboxOpen(key, NONCE_ZERO, frame.box);
    erase(key);
    const payload = plaintext === null ? null : decodeOpenPayload(plaintext);
    if (payload === null) {
      erase(es);
      return null;
    }
    return new ResponderHandshake(context, frame, es, provider.sha512(concatBytes(h1, frame.box)), payload);
  }

  /** Seals the only ACCEPT; `null` if the initiator's ephemeral or ML-KEM key fails its input check. */
  accept(payload: AcceptPayload): { keys: ChannelKeys; accept: Uint8Array } | null {
    const { provider, staticKey, peer, sharedStatic } = this.#context;
    const plaintext = encodePayload(payload);
    const encapsulation = this.#context.random(32);
    const kem = provider.kemEncapsulate(this.#kem, encapsulation);
    erase(encapsulation);
    if (kem === null) {
      this.erase();
      return null;
    }
    const ephemeral = newEphemeral(this.#context);
    const ee = provider.x25519(ephemeral.secret, this.#theirs);
    const se = provider.x25519(ephemeral.secret, peer);
    const usable = !(isAllZero(ee) || isAllZero(se));
    const ikm = usable ? concatBytes(this.#es, sharedStatic, ee, se, kem.sharedSecret) : null;
    erase(ephemeral.secret, ee, se, kem.sharedSecret);
    this.erase();
    if (ikm === null) return null;
    const h3 = provider.sha512(concatBytes(this.#h2, ephemeral.publicKey, kem.ciphertext));
    const key = provider.hkdf(h3, ikm, INFO_ACCEPT, 32);
    const boxAt = CHANNEL_HEAD_BYTES + 32 + CT_BYTES;
    const accept = newMessage(peer, KIND.accept, this.#channelId, boxAt + plaintext.length + TAG_BYTES);
    const content = contentOf(accept);
    content.set(ephemeral.publicKey, CHANNEL_HEAD_BYTES);
    content.set(kem.ciphertext, CHANNEL_HEAD_BYTES + 32);
    const box = provider.secretboxSeal(key, NONCE_ZERO, plaintext, content.subarray(boxAt));
    const h4 = provider.sha512(concatBytes(h3, box));
    erase(key);
    return { keys: new ChannelKeys(provider, staticKey, peer, this.#channelId, 'responder', h4, ikm), accept };
  }
  /** Overwrites the secrets of an OPEN that is not accepted. */
  erase(): void {
    erase(this.#es);
  }
}
