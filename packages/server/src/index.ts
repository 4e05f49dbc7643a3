export { Identity, type IdentityLike } from '@sws/crypto';
export { randomBytes } from '@sws/crypto/platform';
export type { Failure, FailureCode, SwsError } from '@sws/protocol';
export type { Admission, Admitted, Applicant, Meter, NotAdmitted } from '@sws/protocol/internal';
export {
  type AcceptOptions,
  type Authorization,
  type AuthorizeRequest,
  accept,
  type KeyRate,
} from './accept.js';
export type { AcceptorOptions, Attached, Refusal } from './acceptor.js';
export { wsSocket } from './adapters/ws.js';
export {
  type ConnectionBounds,
  type ConnectionLimitsOptions,
  ElsewhereCount,
  type ElsewhereLimits,
  SUBPROTOCOL,
} from './connection-limits.js';
export { type RefusalReason, ServerCounters } from './counters.js';
export { type ServedUpgrades, type ServeUpgradesOptions, serveUpgrades } from './serve-upgrades.js';
export { type Received, type Registered, ServerSecureWebSocket } from './server-secure-web-socket.js';
export type { SocketCause, SocketLike } from './socket-like.js';
export {
  type CertificateWatch,
  type ServedCertificate,
  type WatchCertificateOptions,
  watchCertificate,
} from './watch-certificate.js';
