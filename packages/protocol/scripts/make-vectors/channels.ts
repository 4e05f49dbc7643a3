import { CONTROL_TYPE } from '../../src/channel/control.js';
import { OPCODE } from '../../src/channel/data.js';
import { drawInputs } from './derivation.js';
import { writeInputs } from './handshakes.js';
import { hexOf, utf8 } from './hex.js';
import { Recorder } from './recorder.js';
import { seededRandom } from './seeded-random.js';

const MIB = 1_048_576;
const { ack, resume, ping, pong } = CONTROL_TYPE;
const [A, B] = ['initiator', 'responder'] as const;

function recorder(name: string, acceptLimit = MIB): Recorder {
  const open = { resource: '/room', protocols: ['chat.v1'], limit: MIB };
  return new Recorder(drawInputs(seededRandom(`channel ${name}`), open, { protocol: 'chat.v1', limit: acceptLimit }));
}

/** One whose first PING is answered. */
function confirmed(name: string, acceptLimit = MIB): Recorder {
  const one = recorder(name, acceptLimit);
  one.control(A, ping, 0, 7);
  one.control(B, pong, 0, 7);
  return one;
}

function written(name: string, recorded: Recorder, rekeys: readonly { ea: Uint8Array; eb: Uint8Array }[]) {
  return {
    name,
    ...writeInputs(recorded.inputs),
    rekeys: rekeys.map(({ ea, eb }) => hexOf({ eaSecret: ea, ebSecret: eb })),
    epochs: recorded.epochs.map((keys) => hexOf({ ...keys })),
    steps: recorded.steps,
  };
}

/** Messages of all sorts, a rekey between two fragments, a resume, and a close by the responder. */
function closedByResponder() {
  const name = 'fragments, a rekey, a resume, closed by the responder';
  const random = seededRandom(name);
  const one = recorder(name);
  const rekey = { ea: random(32), eb: random(32) };
  const wide = utf8('über');
  one.control(A, ping, 0, 1_001);
  one.control(B, pong, 0, 1_001);
  one.text(A, 'hello');
  one.text(B, 'hello yourself');
  one.control(B, ack, 1, 0);
  one.control(A, ack, 1, 0);
  one.binary(A, new Uint8Array(0));
  one.binary(A, random(300));
  // The first fragment ends within a character.
  one.data(A, OPCODE.text, false, wide.slice(0, 1));
  one.rekey(rekey.ea);
  one.data(A, OPCODE.continuation, false, wide.slice(1, 3));
  one.control(B, ack, 6, 0);
  one.answerRekey(rekey.ea, rekey.eb);
  one.text(B, 'under the next key');
  one.rekeyed();
  one.control(A, ack, 3, 0);
  one.data(A, OPCODE.continuation, true, wide.slice(3), { text: 'über' });
  one.control(B, ack, 8, 0);
  one.text(A, 'both under the next key');
  one.control(A, resume, 3, 1_002);
  one.control(B, ack, 9, 1_002);
  one.binary(B, random(33));
  one.close(B, 4_000, 'schöne Grüße');
  one.control(A, ack, 5, 0);
  one.close(A, 4_000, 'schöne Grüße');
  one.control(B, ack, 10, 0);
  return written(name, one, [rekey]);
}

/** Whole messages from the initiator, two rekeys, and a close by the initiator. */
function closedByInitiator() {
  const name = 'two rekeys, closed by the initiator';
  const random = seededRandom(name);
  const one = confirmed(name);
  const rekeys = [
    { ea: random(32), eb: random(32) },
    { ea: random(32), eb: random(32) },
  ];
  for (const [index, { ea, eb }] of rekeys.entries()) {
    one.text(A, `message ${index}`);
    one.binary(B, random(10));
    one.rekey(ea);
    // The responder answers a second rekey 30 s after it completed the first.
    one.answerRekey(ea, eb, index === 0 ? undefined : 30_000);
    one.rekeyed();
    one.control(B, ack, 3 * index + 3, 0);
    one.control(A, ack, 2 * index + 2, 0);
  }
  one.text(A, 'goodbye');
  one.close(A, 1_000, '');
  one.close(B, 1_000, '');
  one.control(B, ack, 8, 0);
  one.control(A, ack, 5, 0);
  return written(name, one, rekeys);
}

/** A message in the smallest fragments, the last of which is empty. */
function manyFragments() {
  const name = 'fragments of one byte, and an empty last one';
  const one = confirmed(name);
  const characters = [...'forty fragments of one byte, and nothing'];
  for (const [index, character] of characters.entries())
    one.data(A, index === 0 ? OPCODE.text : OPCODE.continuation, false, utf8(character));
  one.data(A, OPCODE.continuation, true, new Uint8Array(0), { text: characters.join('') });
  one.control(B, ack, characters.length + 1, 0);
  one.close(A, 1_000, '');
  one.close(B, 1_000, '');
  return written(name, one, []);
}

/** RESUME asks for what came last: those frames come again, byte for byte, and count as duplicates where they are not missing. */
function resumed() {
  const name = 'a RESUME whose next is below what was sent, and what is sent again';
  const random = seededRandom(name);
  const one = confirmed(name);
  one.text(B, 'one');
  one.text(B, 'two');
  one.binary(B, random(50));
  one.control(A, ack, 1, 0);
  one.control(A, resume, 1, 9);
  one.control(B, ack, 0, 9);
  one.again(B, 1);
  one.again(B, 2);
  one.control(A, ack, 3, 0);
  one.text(B, 'three');
  one.close(A, 1_000, 'enough');
  one.close(B, 1_000, 'enough');
  one.control(B, ack, 1, 0);
  one.control(A, ack, 5, 0);
  return written(name, one, []);
}

/** Both ends put several messages into one frame; the answers acknowledge them, and give back the credit of each. */
function shared() {
  const name = 'messages that share frames';
  const random = seededRandom(name);
  const one = confirmed(name, 131_072);
  one.together(A, ['one', random(40), '', 'vier']);
  one.control(B, ack, 1, 0);
  one.together(B, [random(10), random(700)]);
  one.text(B, 'alone');
  one.together(A, ['', '']);
  one.control(B, ack, 2, 0);
  one.control(A, ack, 2, 0);
  one.close(B, 1_000, '');
  one.close(A, 1_000, '');
  one.control(B, ack, 3, 0);
  return written(name, one, []);
}

/**
 * The responder closes behind its answer; the initiator derives, and opens the close. Either it has queued `rekeyed` by then,
 * sends it, and answers the close under the new key; or it has not, and answers under its old key.
 */
function responderClosesDuringRekey(hasQueuedRekeyed: boolean) {
  const name = hasQueuedRekeyed ? 'closed by the responder before rekeyed' : 'closed by the responder during a rekey';
  const random = seededRandom(name);
  const one = confirmed(name);
  const rekey = { ea: random(32), eb: random(32) };
  one.text(A, 'before');
  one.rekey(rekey.ea);
  one.answerRekey(rekey.ea, rekey.eb);
  one.close(B, 4_001, 'busy');
  if (hasQueuedRekeyed) {
    one.rekeyed();
    one.close(A, 4_001, 'busy');
    one.control(B, ack, 4, 0);
    one.control(A, ack, 2, 0);
  } else {
    one.control(A, ack, 2, 0);
    one.close(A, 4_001, 'busy');
    one.control(B, ack, 3, 0);
  }
  return written(name, one, [rekey]);
}

/** The initiator closes behind its `rekey`: it derives from the answer, and sends no `rekeyed`. */
function initiatorClosesDuringRekey() {
  const name = 'closed by the initiator during a rekey';
  const random = seededRandom(name);
  const one = confirmed(name);
  const rekey = { ea: random(32), eb: random(32) };
  one.text(A, 'before');
  one.rekey(rekey.ea);
  one.close(A, 1_000, 'done');
  one.answerRekey(rekey.ea, rekey.eb);
  one.close(B, 1_000, 'done');
  one.control(A, ack, 2, 0);
  one.control(B, ack, 3, 0);
  return written(name, one, [rekey]);
}

export function channelVectors() {
  return {
    description:
      'PROTOCOL section 4: whole channels, frame by frame in an order in which they may be sent. Where frames of one end follow one another, the other end takes them all before it seals anything, but for those that come `again` later: these were lost the first time. No time passes between two steps, except that a step with afterMs comes so many ms after the one before: the responder answers a second rekey only 30 s after it completed the first (Rekey, rule 4). CONTROLs are examples: when they go out is each end’s choice, and a channel may stop before the last ACKs. Their limits are those of an end that gives each message to its application at once and grants all that a partial message needs: the first credit plus the charges of all DATA below next. An initiator that queues rekeyed as soon as it takes the answer makes the channel closed by the responder before rekeyed; it cannot make the one closed by the responder during a rekey, in which rekeyed is not queued yet when the close comes (Rekey, rule 11 allows both). rekeys: the ephemeral secrets of each rekey. epochs: the keys of each epoch; the first are those of the handshake, and each rekey adds one entry. A DATA step has the epoch of its key, its seq and plaintext, and delivers: the message or close that it completes (more: the messages that follow in the same frame; a sender may put them into frames of their own); a CONTROL step its epoch, counter and plaintext. again: a DATA that was sent before, the same bytes; it delivers what its first sending says, if that was lost. The end that answers a close repeats its bytes. frame is the content of a MESSAGE.',
    valid: [
      closedByResponder(),
      closedByInitiator(),
      manyFragments(),
      resumed(),
      shared(),
      responderClosesDuringRekey(false),
      responderClosesDuringRekey(true),
      initiatorClosesDuringRekey(),
    ],
  };
}
