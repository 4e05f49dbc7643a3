import { naclProvider } from '../nacl.js';
import { verifySignature } from '../signature.js';

/** PKCS #8 of an Ed25519 seed (RFC 8410 §7), up to the seed. */
const PKCS8 = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];

const ownBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/**
 * Signs by Web Crypto (Ed25519, RFC 8032 §5.1.6), which some browsers run off the calling thread. Signs by tweetnacl
 * if Web Crypto, or its Ed25519, is missing (plain http). Both return the same 64 bytes. Seed and message are copied
 * at the call.
 */
export async function signAsync(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const [own, text] = [ownBytes(seed), ownBytes(message)];
  const pkcs8 = new Uint8Array(PKCS8.length + own.length);
  pkcs8.set(PKCS8);
  pkcs8.set(own, PKCS8.length);
  try {
    const key = await globalThis.crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']);
    return new Uint8Array(await globalThis.crypto.subtle.sign('Ed25519', key, text));
  } catch {
    return naclProvider.ed25519Sign(own, text);
  } finally {
    pkcs8.fill(0);
    own.fill(0);
  }
}

/**
 * `verifySignature` by Web Crypto, which some browsers run off the calling thread, or by tweetnacl if Web Crypto lacks
 * Ed25519. Inputs on which libraries disagree are refused first (PROTOCOL §1). The arguments are copied at the call. It
 * never rejects.
 */
export async function verifySignatureAsync(
  signingKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  // A provider that accepts every signature leaves only the checks. It is created here so that bundlers can drop it.
  if (!verifySignature({ ...naclProvider, ed25519Verify: () => true }, signingKey, message, signature)) return false;
  const [key, text, proof] = [ownBytes(signingKey), ownBytes(message), ownBytes(signature)];
  try {
    const { subtle } = globalThis.crypto;
    const imported = await subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    return await subtle.verify('Ed25519', imported, proof, text);
  } catch {
    return naclProvider.ed25519Verify(key, text, proof);
  }
}
