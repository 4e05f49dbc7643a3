// Applications import identities and keys from here, to use the same version of `@sws/crypto` as the client.
export {
  type CryptoProvider,
  exportIdentity,
  fingerprint,
  Identity,
  type IdentityLike,
  importIdentity,
  type KeyStore,
  type RandomBytes,
  seal,
  unseal,
} from '@sws/crypto';
export { randomBytes } from '@sws/crypto/platform';
export type { ChannelRequest, Encoding, Padding } from '@sws/protocol';
export {
  type BoundWebSocket,
  ClientSecureWebSocket,
  type ClientSecureWebSocketClass,
} from './client-secure-web-socket.js';
export type { SocketBinaryType, SocketCloseEvent, SocketMessageEvent } from './dom-types.js';
export {
  type Acceptance,
  ConnectionEvent,
  type ConnectOptions,
  Endpoint,
  type EndpointEventMap,
  type EndpointFailure,
  type EndpointOptions,
  type EndpointState,
  PeerMessageEvent,
  StateEvent,
} from './endpoint.js';
export { SecureErrorEvent } from './events.js';
export { MESSAGE_PROTOCOL } from './one-line-message.js';
export { type ClientOptions, defaultIdentity, defaultKeyStore } from './options.js';
export type { NetworkOptions } from './platform/network-options.js';
export type { TransportSocket, WebSocketConstructor } from './platform/transport.js';
export { SecureWebSocket, type SecureWebSocketEventMap, type SendData, type SocketClass } from './secure-web-socket.js';
export {
  type SecureWebSocketConnection,
  SecureWebSocketStream,
  type SecureWebSocketStreamOptions,
} from './secure-web-socket-stream.js';
export { SecureWebSocketStreamError, type StreamCloseInfo } from './stream-close.js';
export type { ClientFailureCode, SwsError } from './sws-error.js';
