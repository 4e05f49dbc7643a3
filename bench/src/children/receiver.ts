// Takes what a sender sends and tallies it: `receiver.js '<ReceiverOptions as JSON>'`.
import { type ConnectionEvent, Endpoint, type SecureErrorEvent, type StateEvent } from '@sws/client';
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
