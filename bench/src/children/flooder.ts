// Floods a relay with one kind of ill-behaved client: `flooder.js <kind> <url>`. It connects from 127.0.0.2.
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';
import { RawClient } from '@sws/testing/raw-client';
import { WebSocket } from 'ws';
import type { FloodKind } from '../flood.js';

const ADDRESS = '127.0.0.2';
const url = process.argv[3] ?? '';
const { hostname, port } = new URL(url);
// The lowest priority leaves the processor to the relay, which is measured.
setPriority(19);

const identities = Array.from({ length: 50 }, () => Identity.generate(randomBytes, nodeProvider));
const identity = (i: number): Identity => identities[i % identities.length] ?? Identity.generate(randomBytes);
const register = (i: number): Promise<RawClient> => RawClient.connect(url, identity(i), { localAddress: ADDRESS });
const closed = (socket: WebSocket | Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));
const UPGRADE =
  `GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sws.v1\r\n\r\n';

function raw(): Socket {
  const socket = connect({ host: hostname, port: Number(port), localAddress: ADDRESS });
  socket.on('error', () => {});
  return socket;
}
/** Runs `once` over and over, `atOnce` at a time. It waits a moment after a failure. */
async function over(atOnce: number, once: (i: number) => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: atOnce }, async (_, i) => {
      for (let n = i; ; n += atOnce) {
        try {
          await once(n);
        } catch {
          await sleep(1);
        }
      }
    }),
  );
}
/** Sends as fast as the kernel accepts the bytes. */
async function pour(client: RawClient, to: string, content: Uint8Array): Promise<void> {
  while (client.socket.readyState === WebSocket.OPEN) {
    for (let i = 0; i < 32; i++) client.send(to, content);
    while (client.socket.bufferedAmount > 4_194_304) await sleep(2);
    await sleep(0);
  }
}

const kinds: Readonly<Record<FloodKind, () => Promise<void>>> = {
  unregistered: () =>
    over(300, async () => {
      const socket = new WebSocket(url, 'sws.v1', { localAddress: ADDRESS });
      socket.on('error', () => {});
      await closed(socket);
    }),
  'slow handshakes': () =>
    over(200, async () => {
      const socket = raw();
      let at = 0;
      const dribble = setInterval(() => socket.write(UPGRADE[at++ % UPGRADE.length] ?? ''), 1_000);
      await closed(socket);
      clearInterval(dribble);
    }),
  'huge frames': () =>
    over(10, async (i) => {
      const client = await register(i);
      for (let n = 0; n < 4; n++) client.send(identity(i + 1).publicKey, new Uint8Array(3_000_000));
      await closed(client.socket);
    }),
  'garbage frames': () =>
    over(20, async (i) => {
      if (i % 2 === 0) {
        const socket = raw();
        socket.write(UPGRADE);
        socket.on('data', () => socket.write(randomBytes(2_000)));
        return closed(socket);
      }
      const client = await register(i);
      client.socket.send(i % 4 === 1 ? '{"type":"MESSAGE","to":"nobody"}' : randomBytes(1_000));
      return closed(client.socket);
    }),
  registrations: () =>
    over(40, async (i) => {
      const client = await register(i);
      client.close();
    }),
  'offline receivers': () =>
    over(10, async (i) => {
      const client = await register(i);
      await pour(client, Identity.generate(randomBytes, nodeProvider).publicKey, new Uint8Array(100));
    }),
  'a receiver that never reads': async () => {
    const victim = await register(0);
    victim.socket.pause();
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => pour(await register(i + 1), victim.publicKey, new Uint8Array(60_000))),
    );
  },
  'a sender without end': async () => {
    const receiver = await register(0);
    await pour(await register(1), receiver.publicKey, new Uint8Array(1_000));
  },
};

report('ready', {});
await kinds[process.argv[2] as FloodKind]();
