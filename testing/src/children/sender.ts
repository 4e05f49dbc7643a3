// Sends a workload over one ClientSecureWebSocket: `sender.js '<SenderOptions as JSON>'`.
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { ClientSecureWebSocket, type SecureErrorEvent } from '@sws/client';
import { decodeHex, Identity } from '@sws/crypto';
import type { SenderOptions } from '../transfer.js';
import { messagesOf, Tally } from '../workload.js';
import { report } from './report.js';

const HIGH_WATER_BYTES = 4 * 1_048_576;
const PROGRESS_POLL_MS = 10;

const options = JSON.parse(process.argv[2] ?? '') as SenderOptions;
const {
  url,
  seed,
  peer,
  workload,
  paceMs = 0,
  highWaterBytes = HIGH_WATER_BYTES,
  reportEveryBytes = 1_048_576,
} = options;
const identity = Identity.fromSeed(decodeHex(seed) ?? new Uint8Array(32));
report('ready', { publicKey: identity.publicKey });
const socket = new ClientSecureWebSocket(`${url}${peer}/transfer`, [], { identity, ...options.client });
socket.addEventListener('interrupted', () => report('interrupted', {}));
socket.addEventListener('resumed', () => report('resumed', {}));
socket.addEventListener('error', (event) => {
  const { code, message } = event as SecureErrorEvent;
  report('error', { code, message });
});
socket.addEventListener('close', (event) => {
  const { code, reason, wasClean } = event as CloseEvent;
  clearInterval(progress);
  report('closed', { code, reason, wasClean });
});

const sent = new Tally();
let reported = 0;
const progress = setInterval(() => {
  const acknowledged = sent.bytes - socket.bufferedAmount;
  if (acknowledged < reported + reportEveryBytes) return;
  reported = acknowledged;
  report('progress', { acknowledged });
}, PROGRESS_POLL_MS);

socket.addEventListener('open', async () => {
  const started = performance.now();
  report('open', {});
  for (const message of messagesOf(workload)) {
    if (socket.readyState !== socket.OPEN) return;
    socket.send(message);
    sent.add(message);
    if (paceMs > 0) await delay(paceMs);
    // A sender that never waits must still handle its events.
    else if (highWaterBytes === null && sent.count % 64 === 0) await immediate();
    while (highWaterBytes !== null && socket.bufferedAmount > highWaterBytes && socket.readyState === socket.OPEN)
      await new Promise((resolve) => {
        socket.addEventListener('drain', resolve, { once: true });
        socket.addEventListener('close', resolve, { once: true });
      });
  }
  report('all-sent', { count: sent.count });
  try {
    await socket.delivered();
  } catch {
    // `error` and `closed` were reported.
    return;
  }
  const { count, bytes } = sent;
  report('delivered', { count, bytes, digest: sent.digest(), elapsedMs: Math.round(performance.now() - started) });
  socket.close(1000, 'all sent');
});
