export { type AcceptOptions, type Admission, type Applicant, accept } from './accept.js';
export { wsSocket } from './adapters/ws.js';
export { type Attached, type AttachOptions, attach, type EntranceOptions, type Refusal } from './attach.js';
export { type RefusalReason, ServerCounters } from './counters.js';
export { type GateOptions, SUBPROTOCOL } from './gate.js';
export { type Meter, type Registered, ServerSecureWebSocket } from './server-secure-web-socket.js';
export type { SocketCause, SocketLike } from './socket-like.js';
export {
  type CertificateWatch,
  type ServedCertificate,
  type WatchCertificateOptions,
  watchCertificate,
} from './watch-certificate.js';
