import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ClientSecureWebSocket } from '@sws/client';
import { expect, onTestFinished, test } from 'vitest';
import { event, newIdentity, startRelay } from './relay.js';

const PART_BYTES = 64 * 1_048_576;
const PARTS = 6;
const MAX_BUFFERED_BYTES = 8 * 1_048_576;
const folder = fileURLToPath(new URL('..', import.meta.url));
const client = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** Receives parts of 64 MiB, and prints after each how often V8 has collected all of the heap meanwhile. */
const receiver = (relayUrl: string): string => `
  import { constants, PerformanceObserver } from 'node:perf_hooks';
  import { Identity } from '@sws/crypto';
  import { randomBytes } from '@sws/crypto/platform';
  import { Endpoint } from ${JSON.stringify(client)};
  let [full, bytes] = [0, 0];
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
  }).observe({ entryTypes: ['gc'] });
  const endpoint = new Endpoint(${JSON.stringify(relayUrl)}, { identity: Identity.generate(randomBytes) });
  endpoint.addEventListener('connection', ({ socket }) => {
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
      bytes += data.byteLength;
      if (bytes < ${PART_BYTES}) return;
      console.log(full);
      [full, bytes] = [0, 0];
    };
  });
  console.log(await endpoint.registered);
`;

test('a bulk transfer soon ceases to make V8 collect all of the heap', async () => {
  const relay = await startRelay();
  onTestFinished(() => relay.kill());
  relay.router.setBounds({ limits: { messagesPerSecond: 1e6, bytesPerSecond: 1e12 } });
  const child = spawn(process.execPath, ['--input-type=module', '-e', receiver(relay.url)], { cwd: folder });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stderr.on('data', (text) => process.stderr.write(text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value ?? '';
  const socket = new ClientSecureWebSocket(`${relay.url}${await next()}`, [], { identity: newIdentity() });
  await event(socket, 'open');
  const message = new Uint8Array(16_384);
  const counts: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    for (let bytes = 0; bytes < PART_BYTES; bytes += message.length) {
      socket.send(message);
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) await socket.delivered();
    }
    counts.push(Number(await next()));
  }
  socket.close();
  // Without the filling, 5 to 14 in each part.
  const later = counts.slice(2);
  expect(later.reduce((sum, count) => sum + count, 0)).toBeLessThan(3 * later.length);
}, 120_000);
