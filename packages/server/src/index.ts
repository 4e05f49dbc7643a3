export { type AcceptOptions, type Admission, accept } from './accept.js';
export { wsSocket } from './adapters/ws.js';
export { type Attached, type AttachOptions, attach, SUBPROTOCOL } from './attach.js';
export { ServerCounters } from './counters.js';
export { type Registered, ServerSecureWebSocket } from './server-secure-web-socket.js';
export type { SocketLike } from './socket-like.js';
