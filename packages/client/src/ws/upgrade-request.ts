import { createHash } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { ChannelRequest } from '@sws/protocol';

/** A connection for a server library to inspect. No data flows through it. */
function connectionOf(peer: string): Socket {
  // The peer's key stands in place of an IP address. `encrypted` is set as on a TLS socket.
  return Object.defineProperties(new Socket(), {
    remoteAddress: { value: peer },
    encrypted: { value: true },
  });
}

/**
 * The nonce of a client (RFC 6455 §4.1), which is always the same for one channel. Servers may use it as a client's
 * name. It depends on the peer's key, so that another peer cannot choose the same nonce.
 */
function webSocketKey({ peer, channelId }: ChannelRequest): string {
  return createHash('sha256').update(peer).update(channelId).digest().subarray(0, 16).toString('base64');
}

/**
 * The upgrade request for a server library. `url` is the resource, `headers` are those of an upgrade, and
 * `socket.remoteAddress` is the peer's key. Destroying its `socket` ends the WebSocket.
 */
export function upgradeRequest(asked: ChannelRequest, host: string): IncomingMessage {
  const { peer, resource, protocols } = asked;
  const request = new IncomingMessage(connectionOf(peer));
  request.method = 'GET';
  request.url = resource;
  request.httpVersion = '1.1';
  const headers: Record<string, string> = {
    host,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': webSocketKey(asked),
    'sec-websocket-version': '13',
    ...(protocols.length === 0 ? {} : { 'sec-websocket-protocol': protocols.join(', ') }),
  };
  request.headers = headers;
  request.rawHeaders = Object.entries(headers).flat();
  request.complete = true;
  request.push(null);
  return request;
}
