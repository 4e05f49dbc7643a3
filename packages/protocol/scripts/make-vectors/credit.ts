import { CONTROL_TYPE, encodeControl } from '../../src/channel/control.js';
import { ITEM_HEAD_BYTES } from '../../src/channel/data.js';
import { paddedLength } from '../../src/channel/padding.js';
import { deriveHandshake, drawInputs } from './derivation.js';
import { writeInputs } from './handshakes.js';
import { hex } from './hex.js';
import { Recorder } from './recorder.js';
import { seededRandom } from './seeded-random.js';

const WINDOW = 131_072;
/** So large that no two share a frame. */
const MESSAGE_BYTES = 40_000;
const MESSAGES = 8;

/** What a sender may seal as its credit grows. */
export function creditVectors() {
  const inputs = drawInputs(
    seededRandom('credit'),
    { resource: '/', protocols: [], limit: WINDOW },
    { protocol: '', limit: WINDOW },
  );
  const { openFrame, acceptFrame, keys } = deriveHandshake(inputs);
  const base = new Recorder(inputs);
  const charge = paddedLength(ITEM_HEAD_BYTES + MESSAGE_BYTES, 'padme') + 96;
  let counter = 0;
  const grant = (name: string, next: number, limit: number) => ({
    name,
    limit,
    frame: hex(
      base.sealControl('initiator', 0, counter++, encodeControl({ type: CONTROL_TYPE.ack, next, limit, id: 0 })),
    ),
    sends: Math.min(MESSAGES, Math.floor(Math.max(WINDOW, limit) / charge)),
  });
  return {
    description:
      'PROTOCOL section 4, Credit. A responder takes openFrame and sends acceptFrame; the first grant confirms the channel, and its application sends `messages` binary messages of `messageBytes` zeros at once. Each is one DATA, since two are too large for one; its padded plaintext + 96 is `charge`. grants: CONTROLs (ACK) of the initiator in order; sends: DATA frames with another seq that have gone out in all after it. Acknowledging frees what is kept, and gives no credit.',
    ...writeInputs(inputs),
    openFrame: hex(openFrame),
    acceptFrame: hex(acceptFrame),
    keys: { controlAB: hex(keys.controlAB), dataBA: hex(keys.dataBA) },
    messages: MESSAGES,
    messageBytes: MESSAGE_BYTES,
    charge,
    grants: [
      grant('the limit of OPEN, again', 0, WINDOW),
      grant('an acknowledgement without credit', 2, WINDOW),
      grant('a lower limit, which is ignored', 2, WINDOW - 1),
      grant('one byte less than the next charge', 3, 4 * charge - 1),
      grant('exactly the next charge', 3, 4 * charge),
      grant('two more at once', 4, 6 * charge),
      grant('more than is needed', 6, 100 * charge),
    ],
  };
}
