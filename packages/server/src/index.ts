export { type AcceptOptions, type Admission, type Applicant, accept } from './accept.js';
export { wsSocket } from './adapters/ws.js';
export { type AttachOptions, attach } from './attach.js';
export { type RefusalReason, ServerCounters } from './counters.js';
export type { Attached, EntranceOptions, Refusal } from './entrance.js';
export { type GateOptions, SUBPROTOCOL } from './gate.js';
export type { Meter } from './pace.js';
export { type Registered, ServerSecureWebSocket } from './server-secure-web-socket.js';
export type { SocketCause, SocketLike } from './socket-like.js';
export {
  type CertificateWatch,
  type ServedCertificate,
  type WatchCertificateOptions,
  watchCertificate,
} from './watch-certificate.js';
