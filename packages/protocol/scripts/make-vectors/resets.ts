import { concatBytes, type Identity, naclProvider as provider } from '@sws/crypto';
import { encodeData, OPCODE } from '../../src/channel/data.js';
import { deriveHandshake, drawInputs } from './derivation.js';
import { writeInputs } from './handshakes.js';
import { flipped, hex, utf8 } from './hex.js';
import { Recorder, u32, u64 } from './recorder.js';
import { seededRandom } from './seeded-random.js';

const WINDOW = 65_536;

/** RESETs: those that open and those that must not, and whether the frame that one names is pending. */
export function resetVectors() {
  const random = seededRandom('resets');
  const inputs = drawInputs(random, { resource: '/', protocols: [], limit: WINDOW }, { protocol: '', limit: WINDOW });
  const { initiator: sender, responder: receiver, channelId } = inputs;
  const { openFrame, acceptFrame } = deriveHandshake(inputs);
  const base = new Recorder(inputs);
  const text = (said: string): Uint8Array => encodeData(OPCODE.text, true, utf8(said), 'padme');
  const first = base.sealData('initiator', 0, text('first'));
  const answer = base.sealData('responder', 0, text('pending'));
  const ss = sender.dh(receiver.publicKeyBytes());
  const key = (from: Identity, to: Identity) =>
    provider.hkdf(utf8('sws/1 reset'), ss, concatBytes(from.publicKeyBytes(), to.publicKeyBytes(), channelId), 32);
  const good = key(sender, receiver);
  const nameOf = (kind: number, place: Uint8Array, box: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(kind), place, new Uint8Array(12 - place.length), box.subarray(0, 16));
  const none = new Uint8Array(0);
  const ofOpen = nameOf(1, none, openFrame.subarray(1_233));
  const ofAccept = nameOf(2, none, acceptFrame.subarray(1_137));
  const ofAnswer = nameOf(3, u64(0), answer.subarray(25));
  const control = base.sealControl('responder', 0, 3, new Uint8Array(25));
  const ofControl = nameOf(4, concatBytes(u32(0), u64(3)), control.subarray(29));
  const frame = (sealKey: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(5), channelId, nonce, provider.secretboxSeal(sealKey, nonce, plaintext));
  const says = (code: number, name: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(code >> 8, code & 255), name);
  const written = (code: number, provoking: Uint8Array, name: Uint8Array) => {
    const nonce = random(24);
    const plaintext = says(code, name);
    return {
      code,
      provoking: hex(provoking),
      name: hex(name),
      nonce: hex(nonce),
      plaintext: hex(plaintext),
      frame: hex(frame(good, nonce, plaintext)),
    };
  };
  const nonce = random(24);
  const sound = frame(good, nonce, says(1, ofAnswer));
  const reset = (named: string, phase: 'half-open' | 'open', name: Uint8Array, counts: boolean) => ({
    named,
    phase,
    frame: hex(frame(good, random(24), says(1, name))),
    counts,
  });
  return {
    description:
      'PROTOCOL section 4, RESET: from the initiator of a channel to its responder. valid: the RESET that answers the content `provoking`, which it calls `name`. invalid: does not open, or says what no RESET says; dropped. pending: whether a RESET counts: phase half-open, at a responder that has taken openFrame and sent acceptFrame; open, at one that then took firstFrame (DATA 0, the text "first") and sent answerFrame (DATA 0, the text "pending"), which is not acknowledged.',
    ...writeInputs(inputs),
    key: hex(good),
    openFrame: hex(openFrame),
    acceptFrame: hex(acceptFrame),
    firstFrame: hex(first),
    answerFrame: hex(answer),
    valid: [
      written(2, openFrame, ofOpen),
      written(1, acceptFrame, ofAccept),
      written(1, answer, ofAnswer),
      written(3, control, ofControl),
    ],
    invalid: [
      { name: 'one bit of the box', frame: hex(flipped(sound, -1)) },
      { name: 'one bit of the nonce', frame: hex(flipped(sound, 17)) },
      { name: 'one bit of the channelId', frame: hex(flipped(sound, 1)) },
      { name: "the receiver's own sent back", frame: hex(frame(key(receiver, sender), nonce, says(1, ofAnswer))) },
      { name: 'code 0', frame: hex(frame(good, nonce, says(0, ofAnswer))) },
      { name: 'code 4', frame: hex(frame(good, nonce, says(4, ofAnswer))) },
      { name: 'code 257', frame: hex(frame(good, nonce, says(257, ofAnswer))) },
      { name: 'a byte short', frame: hex(frame(good, nonce, says(1, ofAnswer).slice(0, 30))) },
    ].map((one) => ({ ...one, failure: 'dropped' })),
    pending: [
      reset('ACCEPT', 'half-open', ofAccept, true),
      reset('ACCEPT with another tag', 'half-open', flipped(ofAccept, -1), false),
      reset('a DATA that is not sent yet', 'half-open', ofAnswer, false),
      reset('DATA 0', 'open', ofAnswer, true),
      reset('DATA 0 with another tag', 'open', flipped(ofAnswer, -1), false),
      reset('DATA 1, which is not sent yet', 'open', nameOf(3, u64(1), answer.subarray(25)), false),
      reset('DATA 2^53', 'open', nameOf(3, u64(2n ** 53n), answer.subarray(25)), false),
      reset('DATA 0 of the peer', 'open', nameOf(3, u64(0), first.subarray(25)), false),
      reset('DATA 0 as a CONTROL', 'open', nameOf(4, u64(0), answer.subarray(25)), false),
      reset('ACCEPT, once the channel is open', 'open', ofAccept, false),
      reset('a CONTROL that was never sent', 'open', ofControl, false),
    ],
  };
}
