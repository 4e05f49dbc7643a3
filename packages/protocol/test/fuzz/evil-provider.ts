import type { CryptoProvider } from '@sws/crypto';
import type { Seeded } from '../simulator/seeded.js';
import { toy } from '../simulator/toy-provider.js';
import { spoil } from './mutation.js';

/** A provider whose owner seals what it should not: its boxes open, and what is in them makes no sense. */
export function evilProvider(random: Seeded, rate: number): CryptoProvider {
  return {
    ...toy,
    name: 'evil',
    secretboxSeal(key, nonce, plaintext, into) {
      if (!random.chance(rate)) return toy.secretboxSeal(key, nonce, plaintext, into);
      const spoilt = plaintext.slice();
      spoil(random, spoilt);
      return toy.secretboxSeal(key, nonce, spoilt, into);
    },
  };
}
