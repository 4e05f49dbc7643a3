import { connect, type Socket } from 'node:net';
import { encodeHex, type Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { decodeRelayFrame, encodeFrame } from '@sws/protocol';
import { SUBPROTOCOL } from '../src/index.js';
import { respond } from './client.js';

/** One masked frame (RFC 6455 §5.2), the mask all zeros. */
export function frameOf(first: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const { length } = payload;
  const head = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(first, ...head, 0, 0, 0, 0), payload]);
}
export const PING = 0x89;
export const PONG = 0x8a;
export const CLOSE = 0x88;
export const TEXT = 0x81;
export const BINARY = 0x82;

/** A client that speaks TCP: it may send frames that no library would. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  static async registered(port: number, identity: Identity): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawClient(socket);
    const key = Buffer.from(encodeHex(randomBytes(16)), 'hex').toString('base64');
    socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`,
    );
    while (!client.#received.includes('\r\n\r\n')) await client.#more();
    client.#received = client.#received.subarray(client.#received.indexOf('\r\n\r\n') + 4);
    const challenge = decodeRelayFrame(String((await client.next()).payload));
    if (!challenge.ok || challenge.value.type !== 'CHALLENGE') throw new Error('expected CHALLENGE');
    const answer = respond({ challenge: challenge.value, host: `127.0.0.1:${port}` }, identity);
    socket.write(frameOf(TEXT, Buffer.from(encodeFrame(answer))));
    const success = decodeRelayFrame(String((await client.next()).payload));
    if (!success.ok || success.value.type !== 'REGISTER_SUCCESS') throw new Error('not registered');
    return client;
  }

  /** The next frame of the server. */
  async next(): Promise<{ readonly first: number; readonly payload: Buffer }> {
    for (;;) {
      const frame = this.take();
      if (frame !== null) return frame;
      if (this.socket.destroyed) throw new Error('closed');
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  take(): { readonly first: number; readonly payload: Buffer } | null {
    const bytes = this.#received;
    if (bytes.length < 2) return null;
    const short = bytes.readUInt8(1);
    const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < headBytes) return null;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6);
    if (bytes.length < headBytes + length) return null;
    this.#received = bytes.subarray(headBytes + length);
    return { first: bytes.readUInt8(0), payload: bytes.subarray(headBytes, headBytes + length) };
  }
}
