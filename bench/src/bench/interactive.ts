// Measures round trips of small messages while bulk flows to the same peer, over a far and narrow link:
// `pnpm bench interactive [--quick]`
import { Child } from '@sws/testing/child';
import { portOf, startCarrier } from '../carriers.js';
import { Comparison } from '../comparison.js';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 1 : 3;
const MEASURE_MS = 120_000;
const MBIT = 125_000;
const QUIET = 'an empty path';
const BESIDE = 'beside bulk';
/** The largest allowed ratio of a round trip beside bulk to one on the empty path. */
const AT_MOST = 1.5;

const times = new Comparison({
  name: 'interactive',
  title: 'Small messages beside bulk, 100 Mbit/s and 100 ms',
  unit: 'ms for a round trip of 64 B, on another channel to the same peer',
});

async function measure(): Promise<Record<string, unknown>> {
  const started: Child[] = [];
  const end = async (role: string, ...args: readonly string[]): Promise<Child> => {
    const command = new URL('../children/interactive-end.js', import.meta.url);
    const child = await Child.start({ name: role, command, args });
    started.push(child);
    return child;
  };
  try {
    const relay = await startCarrier('router-server', 'ws');
    started.push(relay);
    const far = await startCarrier('far-proxy', String(portOf(relay)), '25', String(100 * MBIT));
    started.push(far);
    const url = `ws://127.0.0.1:${portOf(far)}/`;
    const listener = await end('listener', url);
    const dialler = await end('dialler', url, String(listener.readyReport.publicKey));
    return await dialler.report((one) => 'besideP99' in one, MEASURE_MS);
  } finally {
    await Promise.all(started.map((one) => one.stop('SIGKILL')));
  }
}

for (let turn = 0; turn < TURNS; turn++) {
  const { quietP50, quietP99, besideP50, besideP99 } = await measure();
  times.add('p50', QUIET, Number(quietP50));
  times.add('p99', QUIET, Number(quietP99));
  times.add('p50', BESIDE, Number(besideP50));
  times.add('p99', BESIDE, Number(besideP99));
}
times.ratio(['p50', BESIDE], ['p50', QUIET]);
times.ratio(['p99', BESIDE], ['p99', QUIET], AT_MOST);
times.finish(!quick);
