// Two well-behaved clients: every 10 ms one sends 1 KiB, and the other sends it back. Any line on stdin reports and begins anew.
import { createInterface } from 'node:readline';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';
import { RawClient } from '@sws/testing/raw-client';

const EVERY_MS = 10;
const url = process.argv[2] ?? '';
const [a, b] = [Identity.generate(randomBytes, nodeProvider), Identity.generate(randomBytes, nodeProvider)];
const [sender, echo] = [await RawClient.connect(url, a), await RawClient.connect(url, b)];
const roundTripsMs: number[] = [];
let sent = 0;
let closed = 0;
sender.onclose = () => closed++;
echo.onclose = () => closed++;
echo.onmessage = (_, content) => echo.send(a.publicKey, content);
sender.onmessage = (_, content) => {
  roundTripsMs.push(performance.now() - new DataView(content.buffer, content.byteOffset).getFloat64(0));
};
setInterval(() => {
  const content = new Uint8Array(1_024);
  new DataView(content.buffer).setFloat64(0, performance.now());
  sender.send(b.publicKey, content);
  sent++;
}, EVERY_MS);
report('ready', {});
createInterface({ input: process.stdin }).on('line', () => {
  const sorted = roundTripsMs.splice(0).sort((x, y) => x - y);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  report('latency', { sent, received: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), closed });
  sent = 0;
});
