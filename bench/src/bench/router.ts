// Compares a relay's CPU time per message with that of alternatives: `pnpm bench router [--quick]`.

import type { Child } from '@sws/testing/child';
import { hasBun, portOf, startCarrier } from '../carriers.js';
import { Comparison } from '../comparison.js';
import { PairLoad, type PairLoadOptions } from '../pair-load.js';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 2 : 5;
const PAIRS = 25;
const IN_FLIGHT = 16;
const sizes = [
  { row: '64 B', bytes: 64, messages: 40_000, toWs: 0.75, toSocketIo: 0.3 },
  { row: '1 KiB', bytes: 1_024, messages: 40_000, toWs: 0.75, toSocketIo: 0.3 },
  { row: '16 KiB', bytes: 16_384, messages: 15_000, toWs: 0.95, toSocketIo: 0.3 },
  { row: '64 KiB', bytes: 65_536, messages: 5_000, toWs: null, toSocketIo: null },
];

interface Contestant {
  readonly name: string;
  readonly script: 'router-server' | 'forwarder';
  readonly kind: string;
  readonly speaks: PairLoadOptions['speaks'];
}
const contestants: Contestant[] = [
  { name: 'SWS', script: 'router-server', kind: 'ws', speaks: 'sws' },
  { name: 'bare ws', script: 'forwarder', kind: 'ws', speaks: 'plain' },
  { name: 'SWS, JSON', script: 'router-server', kind: 'ws', speaks: 'sws-json' },
  { name: 'bare ws, parsing JSON', script: 'forwarder', kind: 'ws-json', speaks: 'plain-json' },
  { name: 'socket.io', script: 'forwarder', kind: 'socket.io', speaks: 'socket.io' },
  { name: 'bare uWebSockets.js', script: 'forwarder', kind: 'uws', speaks: 'plain' },
  { name: 'SWS on uWebSockets.js', script: 'router-server', kind: 'uws', speaks: 'sws' },
];
if (hasBun)
  contestants.push(
    { name: 'bare Bun', script: 'forwarder', kind: 'bun', speaks: 'plain' },
    { name: 'SWS on Bun', script: 'router-server', kind: 'bun', speaks: 'sws' },
  );
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

const comparison = new Comparison({
  name: 'router',
  title: 'Carrying a message',
  unit: 'µs of relay CPU per message',
});
for (const { row, bytes, messages } of sizes) {
  if (only.length > 0 && !only.includes(row)) continue;
  const running: { readonly name: string; readonly carrier: Child; readonly load: PairLoad }[] = [];
  const count = quick ? messages / 10 : messages;
  try {
    for (const { name, script, kind, speaks } of contestants) {
      const carrier = await startCarrier(script, kind);
      const scheme = speaks === 'socket.io' ? 'http' : 'ws';
      const urls = [`${scheme}://127.0.0.1:${portOf(carrier)}/`];
      const load = await PairLoad.start({ urls, speaks, pairs: PAIRS, active: PAIRS, inFlight: IN_FLIGHT, bytes }, [
        carrier,
      ]);
      running.push({ name, carrier, load });
    }
    for (const { load } of running) await load.run(count / 2);
    for (let turn = 0; turn < TURNS; turn++)
      for (const { name, load } of running) comparison.add(row, name, await load.run(count));
  } finally {
    await Promise.all(running.flatMap(({ carrier, load }) => [load.stop(), carrier.stop('SIGKILL')]));
  }
  console.log(`${row} measured`);
}
for (const { row, toWs, toSocketIo } of sizes) {
  comparison.ratio([row, 'SWS'], [row, 'bare ws'], toWs);
  comparison.ratio([row, 'SWS'], [row, 'socket.io'], toSocketIo);
}
comparison.ratio(['1 KiB', 'SWS, JSON'], ['1 KiB', 'SWS'], 2.5);
comparison.note(
  `${PAIRS} pairs of clients with ${IN_FLIGHT} messages each in flight, in another process. They compare every received message with what was sent.`,
);
if (!hasBun) comparison.note('Bun is not here and was skipped: `npx -y pnpm test:runtimes bun` fetches it.');
comparison.finish(!quick && only.length === 0);
