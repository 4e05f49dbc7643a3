// Measures a relay's CPU time per message with several workers: `pnpm bench workers [--quick]`.

import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { childrenOf } from '@sws/testing/usage';
import { Comparison } from '../comparison.js';
import { PairLoad } from '../pair-load.js';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 3 : 9;
const WORKERS = [1, 2];
const SIZES = [
  { row: '64 B', bytes: 64, messages: 40_000 },
  { row: '1 KiB', bytes: 1_024, messages: 40_000 },
  { row: '16 KiB', bytes: 16_384, messages: 15_000 },
];
/** Clients connect in a random order. With two workers, about half of all messages then go from one to the other. */
const load = { pairs: 200, active: 25, inFlight: 16, perVisit: 160, shuffled: true };
const UNREACHED = '1000000';

const comparison = new Comparison({
  name: 'workers',
  title: 'A message among several workers',
  unit: 'µs of CPU of all processes of the relay per message',
});
const nameOf = (count: number): string => `${count} worker${count === 1 ? '' : 's'}`;
const folder = temporaryFolder();

async function counted(relay: RelayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${relay.url}metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

for (const { row, bytes, messages } of SIZES) {
  const running: { readonly name: string; readonly relay: RelayProcess; readonly pairs: PairLoad }[] = [];
  const count = quick ? messages / 4 : messages;
  try {
    for (const workers of WORKERS) {
      const flags = ['--port', '0', '--no-chat', '--identity', folder.path(`identity-${workers}`)];
      const limits = ['--messages-per-second', UNREACHED, '--bytes-per-second', `${UNREACHED}000`];
      const relay = await RelayProcess.start([...flags, ...limits, '--workers', String(workers)]);
      const pid = relay.child.pid ?? -1;
      const carriers = [pid, ...childrenOf(pid)].map((one) => ({ pid: one }));
      const urls = [`ws://127.0.0.1:${relay.port}/`];
      running.push({
        name: nameOf(workers),
        relay,
        pairs: await PairLoad.start({ ...load, urls, bytes, speaks: 'sws' }, carriers),
      });
    }
    for (const { pairs } of running) await pairs.run(count);
    for (let turn = 0; turn < TURNS; turn++)
      for (const { name, pairs } of running) comparison.add(row, name, await pairs.run(count));
    for (const { name, relay } of running) {
      const [received, crossed] = [
        await counted(relay, 'sws_received_messages_total'),
        await counted(relay, 'sws_workers_messages_total'),
      ];
      if (crossed > 0)
        comparison.note(
          `${row}, ${name}: ${Math.round((100 * crossed) / received)} % of messages went from one worker to another.`,
        );
    }
  } finally {
    await Promise.all(running.flatMap(({ pairs, relay }) => [pairs.stop(), relay.stop('SIGKILL')]));
  }
}
folder.remove();
for (const { row } of SIZES)
  for (const workers of WORKERS.slice(1)) comparison.ratio([row, nameOf(workers)], [row, nameOf(1)], 1.8);
comparison.finish(!quick);
