import { decodeHex, type Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { ClientRegistration, type Encoding, encodeFrame, encodeMessage } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import { type ClientOptions, WebSocket } from 'ws';

/** The error of a connection that was not made, or ended before it was registered. */
export class ConnectError extends Error {}

/**
 * A client without channels. It registers (or only opens a WebSocket, without an identity), sends and receives
 * MESSAGEs, and answers PING. It is as cheap as possible, for load tests.
 */
export class RawClient {
  readonly socket: WebSocket;
  readonly publicKey: string;
  /** Called for each MESSAGE with its sender's key (32 bytes) and its content, both views of the received frame. */
  onmessage: ((from: Uint8Array, content: Uint8Array) => void) | null = null;
  /** Called for each text frame of the relay, after registration. */
  onnotice: ((text: string) => void) | null = null;
  onclose: ((code: number) => void) | null = null;

  private constructor(socket: WebSocket, publicKey: string) {
    this.socket = socket;
    this.publicKey = publicKey;
  }

  /** Connects, and registers if there is an identity. Rejects with ConnectError. */
  static connect(
    url: string,
    identity: Identity | null,
    options: ClientOptions = {},
    encoding: Encoding = 'binary',
  ): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, 'sws.v1', { perMessageDeflate: false, ...options });
      const client = new RawClient(socket, identity?.publicKey ?? '');
      const registration =
        identity === null
          ? null
          : new ClientRegistration({
              identity,
              provider: nodeProvider,
              host: new URL(url).host,
              clientNonce: randomBytes(32),
              encoding,
              lastTerm: 0,
            });
      let ready = registration === null;
      const hear = (text: string): void => {
        if (ready || registration === null) {
          if (text.startsWith('{"type":"PING"')) socket.send(text.replace('PING', 'PONG'));
          client.onnotice?.(text);
          return;
        }
        registration.handleFrame(text);
        for (let frame = registration.pollFrame(); frame !== null; frame = registration.pollFrame())
          socket.send(encodeFrame(frame));
        const event = registration.pollEvent();
        if (event?.type === 'failed') reject(new ConnectError(event.failure.code));
        else if (event !== null) {
          ready = true;
          resolve(client);
        }
      };
      socket.on('open', () => {
        if (registration === null) resolve(client);
      });
      socket.on('message', (data: Buffer, binary) => {
        if (!binary) hear(data.toString());
        else client.onmessage?.(data.subarray(1, MESSAGE_HEAD_BYTES), data.subarray(MESSAGE_HEAD_BYTES));
      });
      socket.on('error', (cause) => reject(new ConnectError(cause.message)));
      socket.on('close', (code) => {
        reject(new ConnectError(`closed with ${code}`));
        client.onclose?.(code);
      });
    });
  }

  send(to: Uint8Array | string, content: Uint8Array): void {
    this.socket.send(encodeMessage(typeof to === 'string' ? (decodeHex(to) ?? new Uint8Array(32)) : to, content));
  }
  close(): void {
    this.socket.terminate();
  }
}
