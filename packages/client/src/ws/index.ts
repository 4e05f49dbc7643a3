export {
  SecureServerSocket,
  type SendOptions,
  type ServerBinaryType,
  type ServerSendData,
} from './secure-server-socket.js';
export {
  type ClientInfo,
  SecureWebSocketServer,
  type SecureWebSocketServerOptions,
  type VerifyAnswer,
} from './secure-web-socket-server.js';
