// Receives and tallies a sender's messages: `receiver.js '<ReceiverOptions as JSON>'`.
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConnectionEvent,
  Endpoint,
  type SecureErrorEvent,
  SecureWebSocketStream,
  type StateEvent,
} from '@sws/client';
import { decodeHex, Identity } from '@sws/crypto';
import type { ReceiverOptions } from '../transfer.js';
import { Tally } from '../workload.js';
import { report } from './report.js';

const options = JSON.parse(process.argv[2] ?? '') as ReceiverOptions;
const identity = Identity.fromSeed(decodeHex(options.seed) ?? new Uint8Array(32));
const endpoint = new Endpoint(options.url, { identity, ...options.client });
let ready = false;
endpoint.addEventListener('state', (event: StateEvent) => {
  if (event.state !== 'registered' || ready) return;
  ready = true;
  report('ready', { publicKey: identity.publicKey });
});
endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
  const received = new Tally();
  report('connection', { peer: socket.peer });
  if (options.readBytesPerSecond !== undefined) {
    void readSlowly(SecureWebSocketStream.from(socket), received, options.readBytesPerSecond);
    return;
  }
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => received.add(new Uint8Array(data as ArrayBuffer));
  socket.addEventListener('interrupted', () => report('interrupted', {}));
  socket.addEventListener('resumed', () => report('resumed', {}));
  socket.addEventListener('error', (event) => {
    const { code, message } = event as SecureErrorEvent;
    report('error', { code, message });
  });
  socket.addEventListener('close', async (event) => {
    const { code, reason, wasClean } = event as CloseEvent;
    const { count, bytes, misplaced } = received;
    report('closed', { code, reason, wasClean, count, bytes, misplaced, digest: received.digest() });
    await endpoint.close();
  });
});

const READ_REPORT_MS = 500;

/** Reads messages at a rate. Unread messages wait in the stream. */
async function readSlowly(stream: SecureWebSocketStream, received: Tally, bytesPerSecond: number): Promise<void> {
  const { readable } = await stream.opened;
  const reader = readable.getReader();
  let dueAt = performance.now();
  let reportedAt = dueAt;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (typeof next.value === 'string') throw new Error('a text message from a sender of bytes');
    received.add(next.value);
    const now = performance.now();
    dueAt = Math.max(dueAt, now - READ_REPORT_MS) + (next.value.length * 1_000) / bytesPerSecond;
    if (now >= reportedAt + READ_REPORT_MS) {
      reportedAt = now;
      const { count, bytes, misplaced } = received;
      report('read', { count, bytes, misplaced });
    }
    if (dueAt > now) await delay(dueAt - now);
  }
}
