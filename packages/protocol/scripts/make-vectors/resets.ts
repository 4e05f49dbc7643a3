import { concatBytes, Identity, naclProvider as provider } from '@sws/crypto';
import { flipped, hex, utf8 } from './hex.js';
import { seededRandom } from './seeded-random.js';

/** RESETs, those that open and those that must not. */
export function resetVectors() {
  const random = seededRandom('resets');
  const [sender, receiver] = [Identity.fromSeed(random(32), provider), Identity.fromSeed(random(32), provider)];
  const channelId = random(16);
  const provoking = concatBytes(Uint8Array.of(3), channelId, random(60));
  const ss = sender.dh(receiver.publicKeyBytes());
  const key = (from: Identity, to: Identity) =>
    provider.hkdf(utf8('sws/1 reset'), ss, concatBytes(from.publicKeyBytes(), to.publicKeyBytes(), channelId), 32);
  const echo = provider.sha512(provoking).slice(0, 32);
  const frame = (sealKey: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(5), channelId, nonce, provider.secretboxSeal(sealKey, nonce, plaintext));
  const good = key(sender, receiver);
  const plaintext = (code: number): Uint8Array => concatBytes(Uint8Array.of(code >> 8, code & 255), echo);
  const nonce = random(24);
  const sound = frame(good, nonce, plaintext(1));
  return {
    description:
      'PROTOCOL section 4, RESET: from sender to receiver, in answer to the content `provoking`. Whether its echo counts is for the channel to say. invalid: does not open, or says what no RESET says; dropped.',
    senderSeed: hex(sender.exportSeed()),
    receiverSeed: hex(receiver.exportSeed()),
    channelId: hex(channelId),
    provoking: hex(provoking),
    key: hex(good),
    echo: hex(echo),
    valid: [1, 2, 3].map((code) => {
      const own = random(24);
      return { code, nonce: hex(own), plaintext: hex(plaintext(code)), frame: hex(frame(good, own, plaintext(code))) };
    }),
    invalid: [
      { name: 'one bit of the box', frame: hex(flipped(sound, -1)) },
      { name: 'one bit of the nonce', frame: hex(flipped(sound, 17)) },
      { name: 'one bit of the channelId', frame: hex(flipped(sound, 1)) },
      { name: "the receiver's own sent back", frame: hex(frame(key(receiver, sender), nonce, plaintext(1))) },
      { name: 'code 0', frame: hex(frame(good, nonce, plaintext(0))) },
      { name: 'code 4', frame: hex(frame(good, nonce, plaintext(4))) },
      { name: 'code 257', frame: hex(frame(good, nonce, plaintext(257))) },
      { name: 'a byte short', frame: hex(frame(good, nonce, plaintext(1).slice(0, 33))) },
    ].map((one) => ({ ...one, failure: 'dropped' })),
  };
}
