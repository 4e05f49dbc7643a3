// Compares a relay's CPU time per registration with a bare `ws` accept. Then measures a storm of returning clients.
// `pnpm bench register [--quick] [--clients 5000]`

import { Child } from '@sws/testing/child';
import { readThreadsCpuUs } from '@sws/testing/usage';
import { portOf, startCarrier } from '../carriers.js';
import { Comparison } from '../comparison.js';
import { PROVIDER_NAMES } from '../providers.js';
import { RelayChild } from '../relay-child.js';

const quick = process.argv.includes('--quick');
const at = process.argv.indexOf('--clients');
const CLIENTS = at > 0 ? Number(process.argv[at + 1]) : quick ? 200 : 5_000;
const TURNS = quick ? 2 : 5;
const REGISTRATIONS = quick ? 200 : 1_000;
/** Fewer for tweetnacl, which needs several milliseconds per registration. */
const NACL_REGISTRATIONS = quick ? 20 : 100;
const TIMEOUT_MS = 120_000;
const ROW = 'one registration';
const BARE = 'bare ws accept';
const CLIENTS_PER_PROCESS = 2_500;

const comparison = new Comparison({
  name: 'register',
  title: 'Letting a client in',
  unit: 'µs of relay CPU per connection: upgrade, registration, close',
});
interface Contestant {
  readonly name: string;
  readonly count: number;
  readonly carrier: Child;
  readonly clients: Child;
}
const contestants: Contestant[] = [];
async function enter(name: string, register: boolean, count: number, carrier: Child): Promise<void> {
  const url = `ws://127.0.0.1:${portOf(carrier)}/`;
  const clients = await Child.start({
    name: `clients of ${name}`,
    command: new URL('../children/registering.js', import.meta.url),
    args: [JSON.stringify({ url, register })],
  });
  contestants.push({ name, count, carrier, clients });
}
async function measure({ count, carrier, clients }: Contestant): Promise<number> {
  const before = readThreadsCpuUs(carrier.pid);
  const seen = clients.reports.length;
  clients.write(`run ${count}`);
  const done = await clients.report((report) => clients.reports.indexOf(report) >= seen, TIMEOUT_MS);
  if (done.registered !== count) throw new Error(`${done.registered} of ${count} registered`);
  return (readThreadsCpuUs(carrier.pid) - before) / count;
}
try {
  await enter(BARE, false, REGISTRATIONS, await startCarrier('forwarder', 'ws'));
  for (const provider of PROVIDER_NAMES) {
    const count = provider === 'nacl' ? NACL_REGISTRATIONS : REGISTRATIONS;
    await enter(`SWS, ${provider}`, true, count, await startCarrier('router-server', 'ws', provider));
  }
  for (const contestant of contestants) await measure(contestant);
  for (let turn = 0; turn < TURNS; turn++)
    for (const contestant of contestants) comparison.add(ROW, contestant.name, await measure(contestant));
} finally {
  await Promise.all(contestants.flatMap(({ carrier, clients }) => [carrier.stop('SIGKILL'), clients.stop('SIGKILL')]));
}
for (const provider of PROVIDER_NAMES)
  comparison.ratio([ROW, `SWS, ${provider}`], [ROW, BARE], provider === 'default' ? 3 : null);

/** Kills the relay at which all clients are registered, starts it again, and waits until all are registered again. */
async function storm(): Promise<{ readonly seconds: number; readonly relayCpuSeconds: number }> {
  const relay = await RelayChild.start({
    options: { maxConnectionsPerAddress: 100_000, maxPendingPerAddress: 100_000, maxPending: 100_000 },
  });
  const groups: Child[] = [];
  try {
    for (let left = CLIENTS; left > 0; left -= CLIENTS_PER_PROCESS)
      groups.push(
        await Child.start({
          name: 'returning clients',
          command: new URL('../children/returning-clients.js', import.meta.url),
          args: [JSON.stringify({ url: relay.url(), count: Math.min(left, CLIENTS_PER_PROCESS) })],
          readyTimeoutMs: TIMEOUT_MS,
        }),
      );
    const killed = performance.now();
    await relay.crash();
    await Promise.all(groups.map((group) => group.report(({ event }) => event === 'back', TIMEOUT_MS)));
    const seconds = (performance.now() - killed) / 1_000;
    return { seconds, relayCpuSeconds: readThreadsCpuUs(relay.child.pid) / 1e6 };
  } finally {
    await Promise.all([relay.stop(), ...groups.map((group) => group.stop('SIGKILL'))]);
  }
}
const { seconds, relayCpuSeconds } = await storm();
comparison.note(
  `A storm: the relay of ${CLIENTS.toLocaleString('en')} registered clients (\`Endpoint\` of @sws/client) is killed with SIGKILL and started again. All clients were registered again ${seconds.toFixed(1)} s after the kill. The new relay took ${relayCpuSeconds.toFixed(2)} s of CPU for this, including its start. Clients and relay share the machine.`,
);
comparison.finish(!quick);
