// Pairs of clients that send messages to each other: `pair-load.js '<PairLoadOptions as JSON>'`. They compare every
// received message with the expected one. `run N` on stdin reports once N messages have arrived.
import { createInterface } from 'node:readline';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeMessage } from '@sws/protocol';
import { report } from '@sws/testing/children/report';
import { RawClient } from '@sws/testing/raw-client';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import type { PairLoadOptions } from '../pair-load.js';

/** Fewer than the unregistered connections that a relay allows one address by default. */
const AT_ONCE = 20;

/** One end of a pair, with the message that it sends and the message that it expects. */
interface End {
  readonly send: () => void;
}

const {
  urls,
  speaks,
  pairs,
  active,
  inFlight,
  bytes,
  perVisit: asked,
  shuffled = false,
} = JSON.parse(process.argv[2] ?? '') as PairLoadOptions;
const content = Buffer.from(randomBytes(bytes));
const urlOf = (client: number): string => urls[client % urls.length] ?? '';

/** The turn of a pair: how many messages it may still send, and how many are in flight. */
interface Turn {
  left: number;
  flying: number;
}
/** The turns of the active pairs. */
const turns = new Map<number, Turn>();
/** The inactive pairs. The one that has waited longest is first. */
const waiting = Array.from({ length: pairs }, (_, pair) => pair);
let toStart = 0;
let received = 0;
let perVisit = 0;
const ends: End[] = new Array(2 * pairs);

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

function arrived(client: number, same: boolean): void {
  if (!same) fail(`client ${client} got what was not sent to it`);
  const pair = client >> 1;
  const turn = turns.get(pair);
  if (turn === undefined) fail(`client ${client} got something out of its turn`);
  received++;
  if (turn.left > 0) {
    turn.left--;
    ends[client]?.send();
    return;
  }
  turn.flying--;
  if (turn.flying > 0) return;
  turns.delete(pair);
  waiting.push(pair);
  startTurn();
  if (turns.size === 0) report('done', { received });
}

/** Starts the turn of the pair that has waited longest, if messages are left to send. */
function startTurn(): void {
  const messages = Math.min(perVisit, toStart);
  const pair = messages === 0 ? undefined : waiting.shift();
  if (pair === undefined) return;
  toStart -= messages;
  const flying = Math.min(inFlight, messages);
  turns.set(pair, { left: messages - flying, flying });
  for (let i = 0; i < flying; i++) ends[2 * pair]?.send();
}

function run(messages: number): void {
  received = 0;
  toStart = messages;
  perVisit = asked ?? Math.ceil(messages / active);
  for (let i = 0; i < active; i++) startTurn();
}

/** The content differs for each pair, to detect a message at the wrong receiver. */
function contentOf(pair: number): Buffer {
  const own = Buffer.from(content);
  own.writeUInt32BE(pair);
  return own;
}

async function connectPlain(client: number): Promise<void> {
  const socket = new WebSocket(`${urlOf(client)}${client}`, { perMessageDeflate: false });
  const own = contentOf(client >> 1);
  const text = (to: number): string => JSON.stringify({ to, content: own.toString('base64url') });
  const expected = speaks === 'plain-json' ? Buffer.from(text(client)) : own;
  const sent = speaks === 'plain-json' ? text(client ^ 1) : own;
  ends[client] = { send: () => socket.send(sent) };
  socket.on('message', (data: Buffer) => arrived(client, expected.equals(data)));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('close', (code) => fail(`client ${client} was closed with ${code}`));
}

async function connectSocketIo(client: number): Promise<void> {
  const socket = io(urlOf(client), { transports: ['websocket'], query: { client: String(client) }, forceNew: true });
  const own = contentOf(client >> 1);
  ends[client] = { send: () => void socket.emit('message', own) };
  socket.on('message', (data: Buffer) => arrived(client, own.equals(data)));
  await new Promise((resolve, reject) => socket.once('connect', () => resolve(null)).once('connect_error', reject));
  socket.on('disconnect', (reason) => fail(`client ${client} was disconnected: ${reason}`));
}

async function connectSws(client: number, identities: readonly Identity[]): Promise<void> {
  const [self, peer] = [identities[client], identities[client ^ 1]];
  if (self === undefined || peer === undefined) throw new Error('no such client');
  const json = speaks === 'sws-json';
  const raw = await RawClient.connect(urlOf(client), self, {}, json ? 'json' : 'binary');
  const own = contentOf(client >> 1);
  const text = own.toString('base64url');
  const sent = json
    ? `{"type":"MESSAGE","to":"${peer.publicKey}","content":"${text}"}`
    : encodeMessage(peer.publicKeyBytes(), own);
  // The relay replaces the receiver's key by the sender's. In binary, both are the peer's key.
  const expected = json
    ? Buffer.from(`{"type":"MESSAGE","to":"${self.publicKey}","from":"${peer.publicKey}","content":"${text}"}`)
    : Buffer.from(sent);
  ends[client] = { send: () => raw.socket.send(sent) };
  raw.socket.removeAllListeners('message');
  raw.socket.on('message', (data: Buffer) => {
    if (data.length === expected.length) arrived(client, expected.equals(data));
    else hearText(raw, client, data.toString());
  });
  raw.onclose = (code) => fail(`client ${client} was closed with ${code}`);
}

function hearText(raw: RawClient, client: number, text: string): void {
  // The other client's queue is long, and this one has no more in flight than `inFlight`.
  if (text.startsWith('{"type":"BACKLOG"')) return;
  if (!text.startsWith('{"type":"PING"')) fail(`client ${client}: ${text}`);
  raw.socket.send(text.replace('PING', 'PONG'));
}

const identities = speaks.startsWith('sws')
  ? Array.from({ length: 2 * pairs }, () => Identity.generate(randomBytes, nodeProvider))
  : [];
const order = Array.from({ length: 2 * pairs }, (_, client) => client);
if (shuffled)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
let next = 0;
async function connect(): Promise<void> {
  while (next < 2 * pairs) {
    const client = order[next++] ?? 0;
    if (speaks === 'socket.io') await connectSocketIo(client);
    else if (speaks === 'plain' || speaks === 'plain-json') await connectPlain(client);
    else await connectSws(client, identities);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, connect));
report('ready', {});
createInterface({ input: process.stdin }).on('line', (line) => run(Number(line.slice(4))));
