// One end: `channel-end.js '<ChannelEndOptions as JSON>'`. It reads `expect`, `send` and `ping` from stdin.
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type SecureWebSocket,
  type StateEvent,
} from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';
import { WebSocket, WebSocketServer } from 'ws';
import type { ChannelEndOptions } from '../channel-ends.js';
import { providerNamed } from '../providers.js';

/** A sender waits while its socket buffers this much. A channel's buffer holds all unacknowledged bytes. */
const HIGH_WATER_BYTES = 32 * 1_048_576;
const PING_BYTES = 64;
/** A message is kind(1) || number(4) || bytes that the receiver knows. */
const HEAD_BYTES = 5;
const COUNTED = 0;
const ECHOED = 1;

/** The members that both kinds of socket have. */
interface Line {
  send(message: Uint8Array<ArrayBuffer>): void;
  readonly bufferedAmount: number;
}

const options = JSON.parse(process.argv[2] ?? '') as ChannelEndOptions;
const { speaks, url, provider: providerName, channels = 1, peer, tls } = options;
const provider = await providerNamed(providerName);
const identity = Identity.generate(randomBytes, provider);
/** One, or as many as there are channels. */
const lines: Line[] = [];
let hear: (message: Uint8Array, from: Line) => void = () => {};

function overSws(socket: SecureWebSocket): Line {
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => hear(new Uint8Array(data as ArrayBuffer), socket);
  socket.onclose = ({ code }) => fail(`the channel closed with ${code}`);
  return socket;
}

function overWs(socket: WebSocket): Line {
  socket.on('message', (data: Buffer) => hear(data, socket));
  socket.on('close', (code) => fail(`the socket closed with ${code}`));
  return socket;
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

async function dialWs(address: string): Promise<Line> {
  const socket = new WebSocket(address, { perMessageDeflate: false, rejectUnauthorized: false });
  await once(socket, 'open');
  return overWs(socket);
}

async function dialSws(key: string): Promise<Line> {
  const socket = new ClientSecureWebSocket(`${url}${key}`, [], { identity, provider });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  return overSws(socket);
}

async function listenOverSws(): Promise<void> {
  const endpoint = new Endpoint(url, { identity, provider });
  endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
    lines.push(overSws(socket));
  });
  await new Promise<void>((resolve) =>
    endpoint.addEventListener('state', ({ state }: StateEvent) => {
      if (state === 'registered') resolve();
    }),
  );
}

async function listenOverTls(): Promise<number> {
  const server = createServer(tls ?? {});
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
    lines.push(overWs(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

let port: number | null = null;
if (peer === undefined) {
  if (speaks === 'sws') await listenOverSws();
  else if (speaks === 'tls') port = await listenOverTls();
  else lines.push(await dialWs(`${url}0`));
} else if (speaks === 'sws') {
  for (let i = 0; i < channels; i++) lines.push(await dialSws(peer));
} else lines.push(await dialWs(`${url}1`));

const patternOf = (bytes: number): Buffer => Buffer.alloc(bytes, 'what is said is known to both ends; ');

function messageOf(kind: number, bytes: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(bytes);
  message.set(patternOf(bytes - HEAD_BYTES), HEAD_BYTES);
  message[0] = kind;
  return message;
}

const numberOf = (message: Uint8Array): number =>
  new DataView(message.buffer, message.byteOffset, HEAD_BYTES).getUint32(1);

function expectMessages(count: number, bytes: number, check: boolean): void {
  const pattern = patternOf(bytes - HEAD_BYTES);
  let arrived = 0;
  /** The number of the next message on each line. The first one tells which of the sender's lines it is. */
  const expected = new Map<Line, number>();
  hear = (message, from) => {
    const number = numberOf(message);
    if (message.length !== bytes || number !== (expected.get(from) ?? number % channels))
      fail(`message ${number} comes in place of ${expected.get(from)}`);
    expected.set(from, number + channels);
    if (check && Buffer.compare(pattern, message.subarray(HEAD_BYTES)) !== 0) fail(`message ${arrived} came changed`);
    arrived++;
    if (arrived < count) return;
    hear = echo;
    report('arrived', { count });
  };
}

function echo(message: Uint8Array, from: Line): void {
  if (message[0] !== ECHOED) fail('a message that nobody expects');
  from.send(message.slice());
}

async function send(count: number, bytes: number): Promise<void> {
  const message = messageOf(COUNTED, bytes);
  const view = new DataView(message.buffer);
  for (let i = 0; i < count; i++) {
    view.setUint32(1, i);
    const line = lines[i % channels];
    if (line === undefined) fail('no line');
    line.send(message);
    while (line.bufferedAmount > HIGH_WATER_BYTES / channels) await sleep(1);
  }
}

async function ping(count: number): Promise<void> {
  const message = messageOf(ECHOED, PING_BYTES);
  const milliseconds: number[] = [];
  for (let i = 0; i < count; i++) {
    new DataView(message.buffer).setUint32(1, i);
    const started = performance.now();
    await new Promise<void>((resolve) => {
      hear = (answer) => {
        if (answer.length !== PING_BYTES || numberOf(answer) !== i) fail(`the answer to ${i} is another one`);
        resolve();
      };
      lines[0]?.send(message);
    });
    milliseconds.push(performance.now() - started);
  }
  milliseconds.sort((a, b) => a - b);
  const at = (part: number): number => milliseconds[Math.floor(count * part)] ?? Number.NaN;
  report('round trips', { p50: at(0.5), p99: at(0.99) });
}

hear = echo;
report('ready', { publicKey: identity.publicKey, port });
createInterface({ input: process.stdin }).on('line', (command) => {
  const [word, ...numbers] = command.split(' ');
  const [count = 0, bytes = 0, check = 0] = numbers.map(Number);
  if (word === 'expect') expectMessages(count, bytes, check === 1);
  else if (word === 'send') void send(count, bytes);
  else if (word === 'ping') void ping(count);
});
