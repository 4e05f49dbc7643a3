export {
  type BoundWebSocket,
  ClientSecureWebSocket,
  type ClientSecureWebSocketClass,
} from './client-secure-web-socket.js';
export {
  ConnectionEvent,
  Endpoint,
  type EndpointEventMap,
  type EndpointFailure,
  type EndpointOptions,
  type EndpointState,
  MESSAGE_PROTOCOL,
  PeerMessageEvent,
  StateEvent,
} from './endpoint.js';
export { SecureErrorEvent } from './events.js';
export { type ClientOptions, defaultIdentity, defaultKeyStore } from './options.js';
export type { TransportSocket, WebSocketConstructor } from './platform/transport.js';
export { SecureWebSocket, type SecureWebSocketEventMap, type SendData, type SocketClass } from './secure-web-socket.js';
export {
  type SecureWebSocketConnection,
  SecureWebSocketStream,
  type SecureWebSocketStreamOptions,
} from './secure-web-socket-stream.js';
export { SecureWebSocketStreamError, type StreamCloseInfo } from './stream-close.js';
