// Measures a relay's CPU time per message with more connections and with more nodes:
// `pnpm bench scale [--quick] [connections …]`.

import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { portOf, startCarrier } from '../carriers.js';
import { Comparison } from '../comparison.js';
import { PairLoad } from '../pair-load.js';

const quick = process.argv.includes('--quick');
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const TURNS = quick ? 2 : 9;
const MESSAGES = quick ? 8_000 : 40_000;
const CONNECTIONS = asked.length > 0 ? asked.map(Number) : quick ? [50, 500] : [50, 500, 5_000, 15_000];
const NODES = [1, 2, 3];
const load = { active: 25, inFlight: 16, perVisit: 160, bytes: 1_024 };
const UNREACHED = '1000000';

const scale = new Comparison({
  name: 'scale',
  title: 'A message among many connections',
  unit: 'µs of relay CPU per message of 1 KiB',
});
const rowOf = (connections: number): string => `${connections.toLocaleString('en')} connections`;
const running: { readonly row: string; readonly name: string; readonly load: PairLoad }[] = [];
const stops: (() => Promise<unknown>)[] = [];
try {
  for (const connections of CONNECTIONS)
    for (const [name, script, speaks] of [
      ['SWS', 'router-server', 'sws'],
      ['bare ws', 'forwarder', 'plain'],
    ] as const) {
      const carrier = await startCarrier(script, 'ws');
      stops.push(() => carrier.stop('SIGKILL'));
      const urls = [`ws://127.0.0.1:${portOf(carrier)}/`];
      const pairs = await PairLoad.start({ ...load, urls, speaks, pairs: connections / 2 }, [carrier]);
      stops.push(() => pairs.stop());
      running.push({ row: rowOf(connections), name, load: pairs });
    }
  for (const { load: pairs } of running) await pairs.run(MESSAGES);
  for (let turn = 0; turn < TURNS; turn++)
    for (const { row, name, load: pairs } of running) scale.add(row, name, await pairs.run(MESSAGES));
} finally {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}
const [fewest = 0, most = 0] = [CONNECTIONS[0], CONNECTIONS.at(-1)];
scale.ratio([rowOf(most), 'SWS'], [rowOf(fewest), 'SWS'], 1.3);
scale.ratio([rowOf(most), 'bare ws'], [rowOf(fewest), 'bare ws']);
scale.note(
  `${load.active} pairs send at a time, each with ${load.inFlight} messages in flight. After ${load.perVisit} messages other pairs take over, so that all connections take part.`,
);
scale.finish(!quick && asked.length === 0);

/** Clients connect to the nodes in turn. With several nodes, the two clients of a pair are on different nodes. */
async function measureNodes(): Promise<void> {
  const nodes = new Comparison({
    name: 'scale-nodes',
    script: 'scale',
    title: 'A message among several nodes',
    unit: 'µs of CPU of all nodes and NATS per message of 1 KiB',
  });
  const ROW = '50 connections';
  const nameOf = (count: number): string => `${count} node${count === 1 ? '' : 's'}`;
  const folder = temporaryFolder();
  const meshes: { readonly name: string; readonly pairs: PairLoad }[] = [];
  try {
    for (const count of NODES) {
      const nats = await NatsServer.start();
      stops.push(() => nats.stop('SIGKILL'));
      const flags = ['--port', '0', '--no-chat', '--identity', folder.path(`identity-${count}`), '--nats', nats.url];
      const limits = ['--messages-per-second', UNREACHED, '--bytes-per-second', `${UNREACHED}000`];
      const relays: RelayProcess[] = [];
      for (let i = 0; i < count; i++) {
        const relay = await RelayProcess.start([...flags, ...limits]);
        stops.push(() => relay.stop('SIGKILL'));
        relays.push(relay);
      }
      const urls = relays.map((relay) => `ws://127.0.0.1:${relay.port}/`);
      const pids = [{ pid: nats.pid }, ...relays.map(({ child }) => ({ pid: child.pid ?? -1 }))];
      const pairs = await PairLoad.start({ ...load, urls, speaks: 'sws', pairs: load.active }, pids);
      stops.push(() => pairs.stop());
      meshes.push({ name: nameOf(count), pairs });
    }
    for (const { pairs } of meshes) await pairs.run(MESSAGES / 2);
    for (let turn = 0; turn < TURNS; turn++)
      for (const { name, pairs } of meshes) nodes.add(ROW, name, await pairs.run(MESSAGES / 2));
  } finally {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    folder.remove();
  }
  for (const count of NODES.slice(1)) nodes.ratio([ROW, nameOf(count)], [ROW, nameOf(1)], count === 2 ? 2.2 : null);
  nodes.note(
    'With one node, no message goes through NATS. With two or three, every message does: two nodes and NATS each read and write it.',
  );
  nodes.finish(!quick && asked.length === 0);
}
if (hasNatsServer) await measureNodes();
else console.log('skipped: several nodes, since nats-server is not here');
