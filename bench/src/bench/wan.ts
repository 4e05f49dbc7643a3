// Compares one channel over a far link with plain `ws` through a bare forwarder over the same link. Our own proxy
// delays each client's connection and limits its bandwidth. `pnpm bench wan [--quick]`
// Where the kernel has `tc netem` and lets us, it then measures the same with it, in network namespaces of its own
// (`--netem`), and prints that.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Child } from '@sws/testing/child';
import { portOf, startCarrier, startCarrierBehind } from '../carriers.js';
import { ChannelEnds, type Speaks } from '../channel-ends.js';
import { Comparison } from '../comparison.js';
import { hasNetem, NetworkLink } from '../network-link.js';

const quick = process.argv.includes('--quick');
const overNetem = process.argv.includes('--netem');
const TURNS = quick ? 1 : 3;
const MESSAGE_BYTES = 61_440;
const MBIT = 125_000;
const UNLIMITED = Number.POSITIVE_INFINITY;
const PLAIN = 'plain ws, forwarded';
const SWS = 'SWS';
const LOOPBACK = 'no limit, 0 ms';
const FAR = { rate: UNLIMITED, roundTripMs: 200, bytes: 200e6, to: LOOPBACK, atMost: 2 } as const;
interface Way {
  readonly row: string;
  /** In bytes per second. */
  readonly rate: number;
  readonly roundTripMs: number;
  readonly bytes: number;
  /** @defaultValue 1 */
  readonly channels?: number;
  /** What its time is compared with: plain `ws` over the same way, or one channel on loopback. */
  readonly to: typeof PLAIN | typeof LOOPBACK;
  /** The largest allowed ratio; `null` for none. */
  readonly atMost: number | null;
}
const ways = [
  { row: LOOPBACK, rate: UNLIMITED, roundTripMs: 0, bytes: 200e6, to: PLAIN, atMost: null },
  { row: '100 Mbit/s, 20 ms', rate: 100 * MBIT, roundTripMs: 20, bytes: 60e6, to: PLAIN, atMost: 1.11 },
  { row: '100 Mbit/s, 100 ms', rate: 100 * MBIT, roundTripMs: 100, bytes: 60e6, to: PLAIN, atMost: 1.11 },
  { row: '100 Mbit/s, 200 ms', rate: 100 * MBIT, roundTripMs: 200, bytes: 60e6, to: PLAIN, atMost: 1.11 },
  { row: 'no limit, 40 ms', rate: UNLIMITED, roundTripMs: 40, bytes: 200e6, to: LOOPBACK, atMost: 2 },
  { row: 'no limit, 200 ms', ...FAR },
  { row: 'no limit, 200 ms, 8 channels together', ...FAR, channels: 8 },
  { row: 'no limit, 200 ms, 32 channels together', ...FAR, channels: 32 },
] as const satisfies readonly Way[];

const times = new Comparison({
  name: 'wan',
  title: 'A channel over a far link',
  unit: 'ms per MB, by bandwidth and round trip between the two clients',
});

async function carry(speaks: Speaks, { rate, roundTripMs, channels = 1, ...way }: Way): Promise<number> {
  const bytes = quick ? way.bytes / 4 : way.bytes;
  const script = speaks === 'sws' ? 'router-server' : 'forwarder';
  // A round trip passes the link four times: to the relay and from it, in both directions.
  const delayMs = roundTripMs / 4;
  const link = overNetem && roundTripMs > 0 ? await NetworkLink.create(delayMs, rate) : null;
  const started: Child[] = [];
  try {
    const carrier = link === null ? await startCarrier(script, 'ws') : await startCarrierBehind(link, script);
    started.push(carrier);
    let host = link?.host ?? `127.0.0.1:${portOf(carrier)}`;
    if (link === null && roundTripMs > 0) {
      const far = await startCarrier('far-proxy', String(portOf(carrier)), String(delayMs), String(rate));
      started.push(far);
      host = `127.0.0.1:${portOf(far)}`;
    }
    const ends = await ChannelEnds.start({ speaks, url: `ws://${host}/`, provider: 'default', channels });
    try {
      const { mibPerSecond } = await ends.carry(Math.ceil(bytes / MESSAGE_BYTES), MESSAGE_BYTES, false);
      return 1e9 / (mibPerSecond * 1_048_576);
    } finally {
      await ends.stop();
    }
  } finally {
    await Promise.all(started.map((one) => one.stop('SIGKILL')));
    await link?.remove();
  }
}

for (let turn = 0; turn < TURNS; turn++)
  for (const way of ways)
    for (const [name, speaks] of [
      [PLAIN, 'plain'],
      [SWS, 'sws'],
    ] as const) {
      if (speaks === 'plain' && 'channels' in way) continue;
      const msPerMb = await carry(speaks, way);
      console.log(`  ${way.row}: ${name} ${(1_000 / msPerMb).toFixed(1)} MB/s`);
      times.add(way.row, name, msPerMb);
    }
for (const { row, to, atMost } of ways) times.ratio([row, SWS], to === PLAIN ? [row, PLAIN] : [to, SWS], atMost);
times.note('Each sample uses a new relay, connection and channel, and includes the start of the transfer.');
times.finish(!quick && !overNetem);

/** Measures again in a network namespace of its own. */
function measureOverNetem(): void {
  const script = [fileURLToPath(import.meta.url), '--netem', ...(quick ? ['--quick'] : [])];
  const inNamespace = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, ...script];
  process.exitCode = spawnSync('unshare', inNamespace, { stdio: 'inherit' }).status ?? 1;
}
if (!overNetem && hasNetem()) measureOverNetem();
else if (!overNetem) console.log('skipped: `tc netem`, which is not here or not allowed');
