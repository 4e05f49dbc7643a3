import { concatBytes, Identity, naclProvider as provider, type RandomBytes } from '@sws/crypto';
import { type AcceptPayload, encodePayload, type OpenPayload } from '../../src/channel/payload.js';
import { utf8 } from './hex.js';

const NONCE_ZERO = new Uint8Array(24);

/** The five keys of one epoch and the transcript that they come from. */
export interface EpochKeys {
  readonly transcript: Uint8Array;
  readonly root: Uint8Array;
  readonly dataAB: Uint8Array;
  readonly dataBA: Uint8Array;
  readonly controlAB: Uint8Array;
  readonly controlBA: Uint8Array;
}

/** All that a handshake draws at random. */
export interface HandshakeInputs {
  readonly initiator: Identity;
  readonly responder: Identity;
  readonly channelId: Uint8Array;
  readonly ea: Uint8Array;
  readonly kemSeed: Uint8Array;
  readonly eb: Uint8Array;
  readonly kemRandom: Uint8Array;
  readonly open: OpenPayload;
  readonly accept: AcceptPayload;
}

function five(transcript: Uint8Array, salt: Uint8Array, ikm: Uint8Array, info: Uint8Array): EpochKeys {
  const okm = provider.hkdf(salt, ikm, info, 160);
  const part = (index: number) => okm.slice(32 * index, 32 * index + 32);
  return {
    transcript,
    root: part(0),
    dataAB: part(1),
    dataBA: part(2),
    controlAB: part(3),
    controlBA: part(4),
  };
}

export function drawInputs(random: RandomBytes, open: OpenPayload, accept: AcceptPayload): HandshakeInputs {
  return {
    initiator: Identity.fromSeed(random(32), provider),
    responder: Identity.fromSeed(random(32), provider),
    channelId: random(16),
    ea: random(32),
    kemSeed: random(64),
    eb: random(32),
    kemRandom: random(32),
    open,
    accept,
  };
}

/** The handshake line by line as PROTOCOL §4 writes it: a second derivation, beside the code that it is to check. */
export function deriveHandshake(inputs: HandshakeInputs) {
  const { initiator, responder, channelId, ea, kemSeed, eb, kemRandom } = inputs;
  const A = initiator.publicKeyBytes();
  const B = responder.publicKeyBytes();
  const Ea = provider.x25519PublicKey(ea);
  const Eb = provider.x25519PublicKey(eb);
  const { encapsulationKey: ek } = provider.kemKeyPair(kemSeed);
  const encapsulated = provider.kemEncapsulate(ek, kemRandom);
  if (encapsulated === null) throw new Error('a sound encapsulation key');
  const { ciphertext: ct, sharedSecret: K } = encapsulated;
  const sha = (...parts: Uint8Array[]) => provider.sha512(concatBytes(...parts));
  const es = responder.dh(Ea);
  const ss = initiator.dh(B);
  const ee = provider.x25519(ea, Eb);
  const se = initiator.dh(Eb);
  const h0 = sha(utf8('sws/1 channel\0'), A, B, channelId);
  const h1 = sha(h0, Ea, ek);
  const k1 = provider.hkdf(h1, concatBytes(es, ss), utf8('open'), 32);
  const box1 = provider.secretboxSeal(k1, NONCE_ZERO, encodePayload(inputs.open));
  const h2 = sha(h1, box1);
  const h3 = sha(h2, Eb, ct);
  const ikm = concatBytes(es, ss, ee, se, K);
  const k2 = provider.hkdf(h3, ikm, utf8('accept'), 32);
  const box2 = provider.secretboxSeal(k2, NONCE_ZERO, encodePayload(inputs.accept));
  const h4 = sha(h3, box2);
  const openFrame = concatBytes(Uint8Array.of(1), channelId, Ea, ek, box1);
  const acceptFrame = concatBytes(Uint8Array.of(2), channelId, Eb, ct, box2);
  const keys = five(h4, h4, ikm, utf8('channel'));
  return { A, B, Ea, Eb, ek, ct, K, es, ss, ee, se, h0, h1, k1, h2, h3, k2, h4, openFrame, acceptFrame, keys };
}

/** The keys after a rekey with the ephemeral secrets `ea` and `eb` (PROTOCOL §4, Rekey). */
export function deriveRekey(
  keys: EpochKeys,
  initiator: Identity,
  responder: Identity,
  ea: Uint8Array,
  eb: Uint8Array,
): EpochKeys {
  const Ea = provider.x25519PublicKey(ea);
  const Eb = provider.x25519PublicKey(eb);
  const transcript = provider.sha512(concatBytes(keys.transcript, Ea, Eb));
  const ikm = concatBytes(provider.x25519(ea, Eb), responder.dh(Ea), initiator.dh(Eb));
  return five(transcript, keys.root, ikm, concatBytes(utf8('rekey'), transcript));
}
