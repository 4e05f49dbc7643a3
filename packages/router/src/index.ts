export { type Backplane, type BackplaneLink, type BackplaneNode, inProcessBackplane } from './backplane.js';
export { answerClaim, type Claim, type ClaimAnswer, compareClaims } from './claim.js';
export { MAX_QUEUED_BYTES, ReceiverQueue } from './receiver-queue.js';
export type { RegisteredSocket } from './registered-socket.js';
export { type Admission, Router, type RouterCounters, type RouterOptions } from './router.js';
