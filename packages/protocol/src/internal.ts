// Shared by the packages of SWS, and not for applications: limits and helpers of the wire, and the types between a
// relay's parts. It may change with any minor version, without an entry in a changelog.
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
