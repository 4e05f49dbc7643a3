import { ClientSecureWebSocket } from '@sws/client';
import type { SecureWebSocketServer, WsPeerSocket } from '@sws/client/ws';
import type { WebSocketServer, WebSocket as WsWebSocket } from 'ws';

/** What a TypeScript user hands to a library without a cast: this file compiles, or they need one. */
export const classes: readonly (typeof WebSocket)[] = [ClientSecureWebSocket, ClientSecureWebSocket.with({})];
export const asServer = (server: SecureWebSocketServer): WebSocketServer => server;
export const asSocket = (socket: WsPeerSocket): WsWebSocket => socket;
