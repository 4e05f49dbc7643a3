// A relay process: `relay.js '{"ports":[0],"seed":"<64 hex digits>"}'`. With two ports it is two nodes over one backplane.
import { createInterface } from 'node:readline';
import { decodeHex, Identity } from '@sws/crypto';
import { type RelayOptions, startRelay } from '@sws/relay';
import { inProcessBackplane } from '@sws/router';
import { report } from '@sws/testing/children/report';
import type { RelayChildOptions } from '../relay-child.js';

const { ports, seed, options = {} } = JSON.parse(process.argv[2] ?? '') as RelayChildOptions;
const identity = Identity.fromSeed(decodeHex(seed) ?? new Uint8Array(32));
const backplane = inProcessBackplane();
const relays = await Promise.all(
  ports.map((port) => startRelay({ chat: false, ...(options as RelayOptions), port, identity, backplane })),
);
report('ready', {
  pid: process.pid,
  ports: relays.map(({ port }) => port),
  urls: relays.map(({ url }) => url),
  serverKey: identity.signingKey,
});
createInterface({ input: process.stdin }).on('line', async (line) => {
  if (line !== 'drain') return;
  await Promise.all(relays.map((relay) => relay.drain()));
  report('drained', {});
  process.exit(0);
});
