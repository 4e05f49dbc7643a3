import { existsSync } from 'node:fs';
import { complaintsOf, LiveTransfer } from '@sws/testing/live-transfer';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { childrenOf } from '@sws/testing/usage';
import { afterAll, expect, test } from 'vitest';

const folder = temporaryFolder();
afterAll(folder.remove);

test.skipIf(!existsSync('/proc/self/task'))(
  'a stalled worker is killed and replaced, and nothing is lost (skipped where there is no /proc)',
  { timeout: 120_000 },
  async () => {
    const relay = await RelayProcess.start([
      ...['--port', '0', '--no-chat', '--identity', folder.path('identity'), '--workers', '2', '--metrics-listen', '0'],
    ]);
    try {
      const url = `ws://127.0.0.1:${relay.port}/`;
      const transfers = await Promise.all(
        Array.from({ length: 6 }, () =>
          LiveTransfer.start({ senderUrl: url, receiverUrl: url, paceMs: 20, messageBytes: 2_000 }),
        ),
      );
      const [still = -1] = childrenOf(relay.child.pid ?? -1);
      process.kill(still, 'SIGSTOP');
      const { metricsPort } = relay.log.find(({ msg }) => msg === 'listening') ?? {};
      const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      expect(metrics).toContain('sws_workers 2'); // they are read although one does not answer
      await relay.until(
        () => relay.log.some(({ msg }) => msg === 'a worker listens in its place'),
        'replace the worker that stands still',
        30_000,
      );
      expect(existsSync(`/proc/${still}`)).toBe(false);
      const sofar = transfers.map(({ received }) => received);
      await relay.until(
        () => transfers.every(({ received }, i) => received > (sofar[i] ?? 0) + 10),
        'carry on',
        30_000,
      );
      expect(complaintsOf(await Promise.all(transfers.map((transfer) => transfer.finish(30_000))))).toEqual([]);
    } finally {
      await relay.stop();
    }
  },
);
