// What the tests of adapters with a socket of ours share.
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeFrame, type RelayFrame } from '@sws/protocol';
import { vi } from 'vitest';
import type { Refusal, ServerSecureWebSocket } from '../src/index.js';
import { respond } from './client.js';
import { LIMITS } from './registered-socket.js';

export const client = Identity.generate(randomBytes, nodeProvider);

/** What a socket of Bun and one of uWebSockets.js have in common. */
export class CorkingSocket {
  buffered = 0;
  readonly sent: (string | Uint8Array)[] = [];
  readonly calls: unknown[] = [];
  protected record(call: string, data: string | Uint8Array): number {
    this.calls.push(call);
    this.sent.push(data);
    return 1;
  }
  cork(callback: () => void): void {
    this.calls.push('cork');
    callback();
    this.calls.push('uncork');
  }
  getBufferedAmount(): number {
    return this.buffered;
  }
}

/** Options of an acceptor that admits everyone, and what it reports. */
export function observe() {
  const registered: ServerSecureWebSocket[] = [];
  const refusals: Refusal[] = [];
  const options = {
    identity: Identity.generate(randomBytes, nodeProvider),
    admit: () => ({ ok: true, term: 1, limits: LIMITS, keepalive: 15 }) as const,
    onSocket: (one: ServerSecureWebSocket) => void registered.push(one),
    onRefused: (refusal: Refusal) => void refusals.push(refusal),
  };
  const newest = (): ServerSecureWebSocket => {
    const one = registered.at(-1);
    if (one === undefined) throw new Error('not registered');
    return one;
  };
  return { options, refusals, newest };
}

/** The messages that the client sends from now on. */
export function collectMessages(socket: ServerSecureWebSocket): Uint8Array[] {
  const got: Uint8Array[] = [];
  socket.onmessage = (message) => got.push(message);
  return got;
}

/** How many messages the socket has reported as written so far. */
export function countWritten(socket: ServerSecureWebSocket): { count: number } {
  const written = { count: 0 };
  socket.onwritten = (count) => {
    written.count += count;
  };
  return written;
}

export const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(15);

/** The client's answer to the first frame that the relay sent. */
export function answerTo([frame]: readonly (string | Uint8Array)[]): string {
  const challenge = JSON.parse(String(frame)) as Extract<RelayFrame, { type: 'CHALLENGE' }>;
  return encodeFrame(respond({ challenge, host: 'localhost' }, client));
}
