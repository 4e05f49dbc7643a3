// What the packages of SWS share and no application needs: limits and helpers of the wire, and what a relay's parts say to
// each other. It changes with any minor version, and no changelog tells of it.
export { isSendableCloseCode, MAX_REASON_BYTES } from './channel/close-status.js';
export { Deque } from './channel/deque.js';
export { areSubprotocols, isResource } from './channel/offer-syntax.js';
export { MAX_TERM } from './frames/fields.js';
export {
  MAX_MAX_MESSAGE_BYTES,
  MESSAGE_HEAD_BYTES,
  MIN_MAX_MESSAGE_BYTES,
  UNDELIVERABLE_HEAD_BYTES,
} from './frames/message.js';
export { undeliverable } from './frames/relay-frames.js';
export type { Admission, Admitted, Applicant, Meter, NotAdmitted, Rate } from './registration/admission.js';
export { hostMatches, LOOPBACK_HOSTS, normaliseHost } from './registration/host.js';
export { nextTerm } from './registration/term.js';
export { registerMessage } from './registration/transcript.js';
export { SwsError } from './sws-error.js';
