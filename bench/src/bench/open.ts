// Compares opening a channel with a new `wss` connection. The state machines of both ends run in this process,
// without sockets. `pnpm bench open [--quick]`
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CryptoProvider, Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { ChannelTable, DEFAULT_CHANNEL_SETTINGS } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import { selfSigned } from '@sws/testing/certificate';
import { WebSocket, WebSocketServer } from 'ws';
import { Comparison } from '../comparison.js';
import { PROVIDER_NAMES, providerNamed } from '../providers.js';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 2 : 5;
const OPENS = quick ? 20 : 100;
/** The step of the machines' clock per channel. A peer may open only so many channels a second (PROTOCOL §4). */
const BETWEEN_OPENS_MS = 500;
const ROW = 'one channel opened and closed';

interface Contestant {
  readonly name: string;
  open(): Promise<void> | void;
}

function machines(name: string, provider: CryptoProvider): Contestant {
  let now = 1_000_000;
  const ends = [0, 1].map(() => {
    const identity = Identity.generate(randomBytes, provider);
    const end = { key: identity.publicKeyBytes(), opened: 0, closed: 0 };
    const table = new ChannelTable({
      provider,
      random: randomBytes,
      staticKey: identity,
      settings: DEFAULT_CHANNEL_SETTINGS,
      accept: () => true,
    });
    table.handleConnected(now);
    return { ...{ table }, end };
  });
  const [a, b] = ends;
  if (a === undefined || b === undefined) throw new Error('two ends');
  const tell = (): void => {
    for (const { table, end } of ends)
      for (let notice = table.pollEvent(); notice !== null; notice = table.pollEvent()) {
        const { event } = notice;
        if (event.type === 'open') end.opened++;
        if (event.type === 'close' && event.end.wasClean) end.closed++;
      }
  };
  const exchange = (): void => {
    for (let moved = true; moved; ) {
      moved = false;
      tell();
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const)
        for (let frame = from.table.pollFrame(now); frame !== null; frame = from.table.pollFrame(now)) {
          to.table.handleMessage(from.end.key, frame.subarray(MESSAGE_HEAD_BYTES), now);
          moved = true;
        }
    }
  };
  let count = 0;
  return {
    name,
    open() {
      const channel = a.table.open(b.end.key, { resource: '/', protocols: [], waitUntilMs: 0 }, now);
      exchange();
      a.table.handleCommand(channel, { type: 'close', code: 1000, reason: '' }, now);
      exchange();
      count++;
      if (a.end.opened !== count || b.end.opened !== count || a.end.closed !== count || b.end.closed !== count)
        throw new Error(`${name}: channel ${count} did not open and close at both ends`);
      now += BETWEEN_OPENS_MS;
      for (const { table } of ends) table.handleTimeout(now);
      exchange();
    },
  };
}

const server = createServer(selfSigned());
new WebSocketServer({ server, perMessageDeflate: false });
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const WSS = 'new wss connection, both ends';
const contestants: Contestant[] = [
  {
    name: WSS,
    async open() {
      const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { rejectUnauthorized: false, perMessageDeflate: false });
      await once(socket, 'open');
      socket.close();
      await once(socket, 'close');
    },
  },
];
for (const name of PROVIDER_NAMES) contestants.push(machines(`SWS, ${name}`, await providerNamed(name)));

const comparison = new Comparison({
  name: 'open',
  title: 'Opening a channel',
  unit: 'µs of CPU of both ends per channel',
});
const measure = async ({ open }: Contestant): Promise<number> => {
  const before = process.cpuUsage();
  for (let i = 0; i < OPENS; i++) await open();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / OPENS;
};
for (const contestant of contestants) await measure(contestant);
for (let turn = 0; turn < TURNS; turn++)
  for (const contestant of contestants) comparison.add(ROW, contestant.name, await measure(contestant));
server.close();
const perSecond = PROVIDER_NAMES.map((name) => {
  comparison.ratio([ROW, `SWS, ${name}`], [ROW, WSS]);
  const samples = [...comparison.samples(ROW, `SWS, ${name}`)].sort((x, y) => x - y);
  return `${name} ${Math.round(2e6 / (samples[Math.floor(samples.length / 2)] ?? Number.NaN))}`;
});
comparison.note(
  `A sample has OPEN, ACCEPT, PING, PONG and the close, in the state machines of both ends without sockets. The wss connection includes TCP and HTTP. Channels per second at an end that does nothing else: ${perSecond.join(', ')} (each channel takes half the CPU above). The protocol answers at most 32 OPENs a second from one peer, and 128 from all peers.`,
);
comparison.finish(!quick);
