export {
  type ClientInfo,
  SecureWebSocketServer,
  type SecureWebSocketServerOptions,
  type VerifyAnswer,
} from './secure-web-socket-server.js';
export {
  type SendOptions,
  type ServerBinaryType,
  type ServerSendData,
  WsPeerSocket,
} from './ws-peer-socket.js';
