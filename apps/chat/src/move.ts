import type { Identity } from '@sws/client';
import { decodeHex, encodeHex, matchesSigningKey, naclProvider, parseAddress, readAddress, verify } from '@sws/crypto';
import type { Move } from './chat-protocol.js';

const CONTEXT = 'sws.chat move';

/** An identity's word that its holder is to be found at another address from now on. */
export function signMove(identity: Identity, to: string): Move {
  return {
    from: identity.publicKey,
    signingKey: identity.signingKey,
    signature: encodeHex(identity.sign(CONTEXT, parseAddress(to))),
  };
}

/** Whether the holder of the old address signed that this is the new one. It does not say who holds the old address now. */
export function isMoveTo(move: Move, to: string): boolean {
  const [from, target] = [readAddress(move.from), readAddress(to)];
  const [signingKey, signature] = [decodeHex(move.signingKey), decodeHex(move.signature)];
  if (from === null || target === null || signingKey === null || signature === null) return false;
  return matchesSigningKey(from, signingKey) && verify(naclProvider, move.signingKey, CONTEXT, target, signature);
}
