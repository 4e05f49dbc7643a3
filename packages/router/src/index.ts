export type { Failure, FailureCode, UndeliverableCode } from '@sws/protocol';
export type { Admission, Admitted, Applicant, Meter, NotAdmitted, Rate } from '@sws/protocol/internal';
export { type Backplane, type BackplaneLink, type BackplaneNode, inProcessBackplane } from './backplane.js';
export { type Claim, compareClaims } from './claim.js';
export type { QueueBound } from './queue-budget.js';
export {
  FIRST_OWN_KIND,
  MAX_RECORD_BYTES,
  MESSAGE_RECORD_BYTES,
  type OwnRecord,
  RecordBatch,
  type RecordReader,
  RecordStream,
  readRecords,
} from './record-batch.js';
export type { RegisteredSocket } from './registered-socket.js';
export { Router } from './router.js';
export type { DrainOptions, RouterBounds, RouterCounters, RouterOptions } from './router-options.js';
