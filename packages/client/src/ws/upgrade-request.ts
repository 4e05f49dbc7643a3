import { createHash } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { ChannelRequest } from '@sws/protocol';

/** What a server library reads of the connection under a request: nothing flows through it. */
function connectionOf(peer: string): Socket {
  // The peer's key stands where `ws` has an IP address; `encrypted` is there as of a TLS socket.
  return Object.defineProperties(new Socket(), {
    remoteAddress: { value: peer },
    encrypted: { value: true },
  });
}

/**
 * The nonce that a client would have sent (RFC 6455 §4.1): the same for one channel whenever it is asked for. Servers name
 * their clients by it, so it holds the peer: another one can't choose the same.
 */
function webSocketKey({ peer, channelId }: ChannelRequest): string {
  return createHash('sha256').update(peer).update(channelId).digest().subarray(0, 16).toString('base64');
}

/**
 * The upgrade request that a server library is shown: `url` is the resource, `headers` what such a request carries,
 * `socket.remoteAddress` the peer's key. Destroying its `socket` ends the WebSocket.
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
