// A raw client with valid keys attacks a built Endpoint and `sws listen`, over a real relay:
// `pnpm soak hostile-peers [attack]`.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '@sws/testing/child';
import { type HostileChannel, HostileClient } from '@sws/testing/hostile-client';
import { RelayChild } from '../relay-child.js';

const [only] = process.argv.slice(2);
const MIB = 1_048_576;
/** Memory that an attack may cost: the budget of 256 MiB, a message per share, and heap that V8 has not collected. */
const MAX_GROWTH_BYTES = 450 * MIB;
const FRAGMENT = new Uint8Array(61_440);
const CONTINUATION = 0;
const BINARY = 2;
const FIN = 0x80;
const TIMEOUT_MS = 120_000;

const relay = await RelayChild.start({
  options: { limits: { messagesPerSecond: 1_000_000, bytesPerSecond: 1_000_000_000 } },
});

/** Waits until all written bytes have left. */
async function drain({ raw }: HostileClient): Promise<void> {
  while (raw.socket.bufferedAmount > MIB) await sleep(1);
}

/**
 * Sends fragments within the credit until `count` are sent, the channel is closed, or nothing moves for `patienceMs`.
 * Resolves with the number sent.
 */
async function fragments(
  client: HostileClient,
  channel: HostileChannel,
  bytes: Uint8Array,
  count: number,
  patienceMs = 3_000,
): Promise<number> {
  const maxInFlight = MIB / (4 * (bytes.length + 101));
  const mayGo = (): boolean =>
    !channel.closed && channel.charged + bytes.length + 101 <= channel.limit && channel.inFlight < maxInFlight;
  let movedAt = performance.now();
  for (let sent = 0; ; ) {
    while (sent < count && mayGo()) {
      channel.data(sent++ === 0 ? BINARY : CONTINUATION, bytes);
      movedAt = performance.now();
      if (sent % 500 === 0) break;
    }
    if (sent === count || channel.closed || performance.now() - movedAt > patienceMs) return sent;
    await drain(client);
    await sleep(1);
  }
}

/** Each attack resolves with a description of what it did. */
const ATTACKS: Readonly<Record<string, (victim: string) => Promise<string>>> = {
  async '125,000 empty fragments'(victim) {
    const client = await HostileClient.connect(relay.url(), victim);
    const channel = await client.open();
    if (channel === null) return 'no channel';
    const sent = await fragments(client, channel, new Uint8Array(0), 125_000);
    channel.data(CONTINUATION | FIN, new Uint8Array(0));
    await sleep(1_000);
    client.close();
    return `${sent} sent`;
  },
  async '2 million fragments of one byte'(victim) {
    const client = await HostileClient.connect(relay.url(), victim);
    let sent = 0;
    for (const until = performance.now() + TIMEOUT_MS; sent < 2_000_000 && performance.now() < until; ) {
      const channel = await client.open();
      if (channel === null) break;
      const more = await fragments(client, channel, new Uint8Array(1), 2_000_000 - sent);
      sent += more;
      if (more === 0) break;
    }
    client.close();
    return `${sent} sent`;
  },
  async '256 channels x 16 MiB from 4 keys'(victim) {
    const clients: HostileClient[] = [];
    for (let i = 0; i < 4; i++) clients.push(await HostileClient.connect(relay.url(), victim));
    const count = Math.floor((16 * MIB) / (FRAGMENT.length + 96)) - 1;
    let [channels, sent] = [0, 0];
    // Each channel in turn gets a message that never ends, until the credit is used up.
    const attack = async (client: HostileClient): Promise<void> => {
      for (let i = 0, refused = 0; i < 64 && refused < 3; i++) {
        const channel = await client.open();
        if (channel === null) refused++;
        else {
          channels++;
          sent += await fragments(client, channel, FRAGMENT, count, 1_000);
        }
      }
    };
    await Promise.all(clients.map(attack));
    const mib = (sent * FRAGMENT.length) / MIB;
    for (const client of clients) client.close();
    return `${channels} channels, ${mib.toFixed(0)} MiB sent`;
  },
};

type Victim = { readonly child: Child; readonly address: string };
const VICTIMS: Readonly<Record<string, () => Promise<Victim>>> = {
  async Endpoint() {
    const command = new URL('../children/accepting.js', import.meta.url);
    const child = await Child.start({ name: 'Endpoint', command, args: [relay.url()] });
    return { child, address: String(child.readyReport.publicKey) };
  },
  async 'sws listen'() {
    const command = new URL('../../../apps/cli/dist/main.js', import.meta.url);
    const listen = [process.execPath, fileURLToPath(command), 'listen', '--relay', relay.url()];
    // Its reports go to standard error.
    const args = ['-c', 'exec "$@" 2>&1', 'sh', ...listen, '--accept-all', '--keep', '--ephemeral', '--json'];
    const ready = (line: string): boolean => line.includes('"listening"');
    const child = await Child.start({ name: 'sws listen', command: 'sh', args, ready });
    return { child, address: String((JSON.parse(child.readyLine) as { address: string }).address) };
  },
};

if (only !== undefined && !(only in ATTACKS)) throw new Error(`no such attack: ${Object.keys(ATTACKS).join(', ')}`);
let sound = true;
console.log('| attack | victim | done | RSS before, most, MiB | lives |');
console.log('| --- | --- | --- | --- | --- |');
for (const [attack, run] of Object.entries(ATTACKS)) {
  if (only !== undefined && !attack.includes(only)) continue;
  for (const [name, start] of Object.entries(VICTIMS)) {
    const { child, address } = await start();
    const before = child.usage()?.rssBytes ?? 0;
    let lives = true;
    void child.exited.then(() => {
      lives = false;
    });
    const done = await Promise.race([run(address), child.exited.then((code) => `exited with ${code}`)]);
    const most = child.usage()?.peakRssBytes ?? 0;
    const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
    console.log(`| ${attack} | ${name} | ${done} | ${mib(before)}, ${mib(most)} | ${lives ? 'yes' : 'no'} |`);
    if (!lives || most - before > MAX_GROWTH_BYTES) sound = false;
    if (lives) await child.stop('SIGKILL');
  }
}
await relay.stop();
process.exit(sound ? 0 : 1);
