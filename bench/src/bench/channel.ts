// Compares one channel through a relay with plain `ws` through a bare forwarder, and with a direct `wss` connection.
// It measures CPU of both clients per message, throughput, and the round trip of a small message.
// `pnpm bench channel [--quick]`

import { selfSigned } from '@sws/testing/certificate';
import type { Child } from '@sws/testing/child';
import { portOf, startCarrier } from '../carriers.js';
import { ChannelEnds, type Speaks } from '../channel-ends.js';
import { Comparison } from '../comparison.js';
import { PROVIDER_NAMES } from '../providers.js';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 2 : 9;
const PINGS = quick ? 100 : 1_000;
const PLAIN = 'plain ws, forwarded';
const DIRECT = 'wss, direct';
const sizes = [
  { row: '1 KiB', bytes: 1_024, messages: 20_000 },
  { row: '16 KiB', bytes: 16_384, messages: 3_000 },
  { row: '1 MiB', bytes: 1_048_576, messages: 50 },
];

const script = 'channel';
const cpu = new Comparison({
  name: 'channel',
  title: 'A message over a channel: CPU',
  unit: 'µs of CPU of both clients per message',
});
const speed = new Comparison({
  name: 'channel-throughput',
  script,
  title: 'A message over a channel: throughput (more is better)',
  unit: 'MiB/s',
});
const latency = new Comparison({
  name: 'channel-round-trip',
  script,
  title: 'A message over a channel: round trip',
  unit: 'ms for a round trip of 64 B',
});

const carriers: Child[] = [];
const contestants: { readonly name: string; readonly ends: ChannelEnds }[] = [];
async function enter(name: string, speaks: Speaks, provider = 'node'): Promise<void> {
  const tls = speaks === 'tls' ? { tls: selfSigned() } : {};
  let url = '';
  if (speaks !== 'tls') {
    const carrier = await startCarrier(speaks === 'sws' ? 'router-server' : 'forwarder', 'ws');
    carriers.push(carrier);
    url = `ws://127.0.0.1:${portOf(carrier)}/`;
  }
  contestants.push({ name, ends: await ChannelEnds.start({ speaks, url, provider, ...tls }) });
}
try {
  await enter(PLAIN, 'plain');
  for (const provider of PROVIDER_NAMES) await enter(`SWS, ${provider}`, 'sws', provider);
  await enter(DIRECT, 'tls');
  for (const { row, bytes, messages } of sizes) {
    const count = quick ? messages / 10 : messages;
    for (const { ends } of contestants) await ends.carry(count, bytes, true);
    for (let turn = 0; turn < TURNS; turn++)
      for (const { name, ends } of contestants) {
        const { cpuUs, mibPerSecond } = await ends.carry(count, bytes, false);
        cpu.add(row, name, cpuUs);
        speed.add(row, name, mibPerSecond);
      }
  }
  for (const { ends } of contestants) await ends.roundTrips(PINGS);
  for (let turn = 0; turn < TURNS; turn++)
    for (const { name, ends } of contestants) {
      const { p50, p99 } = await ends.roundTrips(PINGS);
      latency.add('p50', name, p50);
      latency.add('p99', name, p99);
    }
} finally {
  await Promise.all([...contestants.map(({ ends }) => ends.stop()), ...carriers.map((one) => one.stop('SIGKILL'))]);
}
const targets: Readonly<Record<string, number>> = { '1 KiB default': 3, '16 KiB default': 4 };
for (const { row } of sizes)
  for (const provider of PROVIDER_NAMES)
    cpu.ratio([row, `SWS, ${provider}`], [row, PLAIN], targets[`${row} ${provider}`] ?? null);
// The target is 0.45 of its throughput.
speed.ratio(['16 KiB', PLAIN], ['16 KiB', 'SWS, default'], 2.22);
for (const provider of PROVIDER_NAMES)
  latency.difference(['p50', `SWS, ${provider}`], ['p50', PLAIN], provider === 'default' ? 0.2 : null);
cpu.note(
  'The CPU of sender and receiver together. The first turn compares every byte and is not counted. The other turns check order and length.',
);
for (const comparison of [cpu, speed, latency]) comparison.finish(!quick);
