// One end of two channels, one for small messages and one for bulk: `interactive-end.js <url> [<peer>]`. Without a peer
// it listens, and echoes small messages. With one it dials, and reports round trips without and with bulk.
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientSecureWebSocket, type ConnectionEvent, Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { defaultProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';

const SMALL_BYTES = 64;
const BULK_BYTES = 61_440;
/** The sender of bulk keeps this much buffered. */
const HIGH_WATER_BYTES = 16 * 1_048_576;
const ROUND_TRIPS = 400;
const EVERY_MS = 25;
/** How long bulk needs to fill the path. */
const WARM_UP_MS = 5_000;

const [url = '', peer] = process.argv.slice(2);
const provider = await defaultProvider();
const identity = Identity.generate(randomBytes, provider);

async function dialled(path: string): Promise<ClientSecureWebSocket> {
  const socket = new ClientSecureWebSocket(`${url}${peer}${path}`, [], { identity, provider });
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  return socket;
}

/** Round trips in ms, in order of length; each begins at its time, whether or not the last one has ended. */
async function roundTrips(socket: ClientSecureWebSocket): Promise<number[]> {
  const message = new Uint8Array(SMALL_BYTES);
  const started: number[] = [];
  const took: number[] = [];
  const all = new Promise<void>((resolve) => {
    socket.onmessage = () => {
      took.push(performance.now() - (started[took.length] ?? Number.NaN));
      if (took.length === ROUND_TRIPS) resolve();
    };
  });
  for (let i = 0; i < ROUND_TRIPS; i++) {
    started.push(performance.now());
    socket.send(message);
    await sleep(EVERY_MS);
  }
  await all;
  return took.sort((a, b) => a - b);
}

async function fill(socket: ClientSecureWebSocket): Promise<never> {
  for (const message = new Uint8Array(BULK_BYTES); ; ) {
    while (socket.bufferedAmount < HIGH_WATER_BYTES) socket.send(message);
    await sleep(5);
  }
}

if (peer === undefined) {
  const endpoint = new Endpoint(url, { identity, provider });
  endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
      if ((data as ArrayBuffer).byteLength === SMALL_BYTES) socket.send(data as ArrayBuffer);
    };
  });
  report('ready', { publicKey: await endpoint.registered });
} else {
  const [small, bulk] = [await dialled('/small'), await dialled('/bulk')];
  report('ready', {});
  const quiet = await roundTrips(small);
  void fill(bulk);
  await sleep(WARM_UP_MS);
  const beside = await roundTrips(small);
  const at = (sorted: readonly number[], part: number): number =>
    sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
  report('round trips', {
    quietP50: at(quiet, 0.5),
    quietP99: at(quiet, 0.99),
    besideP50: at(beside, 0.5),
    besideP99: at(beside, 0.99),
  });
}
