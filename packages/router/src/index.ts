export { type Backplane, type BackplaneLink, type BackplaneNode, inProcessBackplane } from './backplane.js';
export { type Claim, compareClaims } from './claim.js';
export { type KeyAction, type KeyEvent, type KeyState, type KeyStep, NEWEST_WINS } from './newest-wins.js';
export { BURST_SECONDS, type Meter, type Rate } from './rate-limits.js';
export { MAX_QUEUED_BYTES } from './receiver-queue.js';
export type { RegisteredSocket } from './registered-socket.js';
export {
  type Admission,
  type Applicant,
  type DrainOptions,
  Router,
  type RouterCounters,
  type RouterOptions,
} from './router.js';
