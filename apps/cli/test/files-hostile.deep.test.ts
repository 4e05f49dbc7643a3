import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { type ConnectionEvent, Endpoint, type SecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { afterEach, expect, test } from 'vitest';
import { FILES_PROTOCOL, readReceiverMessage, readSenderMessage } from '../dist/file-protocol.js';
import { type Command, useStage } from './sws.js';

const stage = useStage();
const endpoints: Endpoint[] = [];
afterEach(async () => {
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close({ graceMs: 0 })));
});

const sha256 = (bytes: string): string => createHash('sha256').update(bytes).digest('hex');

async function receiver(...flags: string[]): Promise<{ command: Command; to: string }> {
  const command = stage.now.as('bob', 'recv', '--out', 'in', '--json', '--accept-all', ...flags);
  return { command, to: await command.prints(/"address":"([0-9a-f]{64})"/) };
}

/** A peer that says what it likes. */
class Peer {
  readonly socket: SecureWebSocket;
  readonly closed: Promise<number>;
  readonly #heard: Record<string, unknown>[] = [];
  #changed: () => void = () => {};

  constructor(socket: SecureWebSocket) {
    this.socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#heard.push(JSON.parse(data));
      this.#changed();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code }) => resolve(code));
    });
  }
  static endpoint(): Endpoint {
    const endpoint = new Endpoint(stage.now.relay.url, { identity: Identity.generate(randomBytes) });
    endpoints.push(endpoint);
    return endpoint;
  }
  static async to(address: string, endpoint = Peer.endpoint()): Promise<Peer> {
    const socket = endpoint.connect(address, { protocols: FILES_PROTOCOL });
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    return new Peer(socket);
  }
  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }
  /** The next message of a type; those of other types stay to be heard: `have` and `stored` of different files take no turns. */
  async hears(type: string): Promise<Record<string, unknown>> {
    for (;;) {
      const at = this.#heard.findIndex((message) => message.type === type);
      const [found] = at < 0 ? [] : this.#heard.splice(at, 1);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

test('hostile names stay in the folder and replace nothing', async () => {
  const { command, to } = await receiver('--once');
  await writeFile(stage.now.path('secret'), 'mine');
  await writeFile(stage.now.path('in', 'a'), 'mine');
  const names = ['../secret', '/etc/passwd', '..', 'a', 'a', 'x\u0000y', '.bashrc', 'con', '\u001b]0;title\u0007', ''];
  const peer = await Peer.to(to);
  peer.say({ type: 'offer', files: names.map((name) => ({ name, size: 1 })) });
  for (const file of names.keys()) {
    expect(await peer.hears('have')).toMatchObject({ file, bytes: 0 });
    peer.say({ type: 'begin', file, offset: 0 });
    peer.socket.send(new Uint8Array([65 + file]));
    peer.say({ type: 'end', file, size: 1, sha256: sha256(String.fromCharCode(65 + file)) });
  }
  const stored = new Set<unknown>();
  while (stored.size < names.length) stored.add((await peer.hears('stored')).file);
  peer.socket.close(1000);
  expect(await command.exit).toBe(0);
  expect(await readFile(stage.now.path('secret'), 'utf8')).toBe('mine');
  expect(await readFile(stage.now.path('in', 'a'), 'utf8')).toBe('mine');
  const there = await readdir(stage.now.path('in'));
  expect(there).toHaveLength(names.length + 1);
  expect((await readdir(stage.now.folder)).sort()).toEqual(['bob', 'in', 'run', 'secret']);
  for (const name of there) expect(name).toMatch(/^[A-Za-z_][^\p{Cc}/\\]*$/u);
  // No name reaches the terminal with what commands it.
  expect(command.output).not.toMatch(/\\u001b|\\u0000/);
});

const offerOf = (name: string, size: number) => ({ type: 'offer', files: [{ name, size }] });
const OFFER = offerOf('f', 4);
const BEGIN = { type: 'begin', file: 0, offset: 0 };
const END = { type: 'end', file: 0, size: 4, sha256: sha256('1234') };
const ASCII = new TextEncoder().encode('1234');

const VIOLATIONS: readonly [string, readonly unknown[]][] = [
  ['bytes before an offer', [ASCII]],
  ['a text that is no JSON', ['{']],
  ['an offer of nothing', [{ type: 'offer', files: [] }]],
  ['a size below 0', [offerOf('f', -1)]],
  ['a name that is none', [{ type: 'offer', files: [{ name: 7, size: 1 }] }]],
  ['two offers', [OFFER, OFFER]],
  ['bytes of no file', [OFFER, ASCII]],
  ['a file that was not offered', [OFFER, { type: 'begin', file: 1, offset: 0 }]],
  ['an offset that the receiver does not have', [OFFER, 'have', { type: 'begin', file: 0, offset: 3 }]],
  ['more than was offered', [OFFER, 'have', BEGIN, ASCII, ASCII]],
  ['an end that comes twice', [offerOf('twice', 4), 'have', BEGIN, ASCII, END, END]],
  ['an end before all that was offered', [offerOf('short', 10), 'have', BEGIN, ASCII, END]],
  ['an end of what had not begun', [OFFER, 'have', END]],
];

test('a protocol violation closes the channel with 4002, and the receiver continues', async () => {
  const { command, to } = await receiver('--once');
  for (const [what, messages] of VIOLATIONS) {
    const peer = await Peer.to(to);
    for (const message of messages) {
      if (message === 'have') await peer.hears('have');
      else if (message instanceof Uint8Array) peer.socket.send(message.slice());
      else if (typeof message === 'string') peer.socket.send(message);
      else peer.say(message);
    }
    expect([what, await peer.closed]).toEqual([what, 4002]);
  }
  await writeFile(stage.now.path('fine'), 'fine');
  expect(await stage.now.as('alice', 'send', 'fine', to).exit).toBe(0);
  expect(await command.exit).toBe(0);
  expect(await readdir(stage.now.path('in'))).toContain('fine');
});

test('the offers of one key, and of all, are bounded in memory; others close with 3001', async () => {
  const { command, to } = await receiver();
  const offers = async (endpoint: Endpoint, label: string): Promise<Peer> => {
    const peer = await Peer.to(to, endpoint);
    const folders = Array.from({ length: 10 }, () => '€'.repeat(1_000));
    peer.say({
      type: 'offer',
      files: Array.from({ length: 120 }, (_, i) => ({ name: `${label}${i}`, size: 1, folders })),
    });
    return peer;
  };
  const MAX_OFFERS = 9; // of 3.6 MB each in 32 MiB
  const taken: Peer[] = [];
  for (let key = 0; taken.length < MAX_OFFERS; key++) {
    const endpoint = Peer.endpoint();
    for (const label of ['a', 'b', 'c']) {
      const peer = await offers(endpoint, `${key}${label}`);
      const answer = await Promise.race([peer.closed, peer.hears('have')]);
      if (label === 'c' || taken.length === MAX_OFFERS) expect(answer).toBe(3001);
      else {
        expect(answer).toMatchObject({ bytes: 0 });
        taken.push(peer);
      }
    }
  }
  expect(await (await offers(Peer.endpoint(), 'other')).closed).toBe(3001);
  for (const { socket } of taken) socket.close(1000);
  await command.prints(/"interrupted"(.|\n)*"interrupted"/);
  await writeFile(stage.now.path('fine'), 'fine');
  expect(await stage.now.as('alice', 'send', 'fine', to).exit).toBe(0);
});

test('bytes with a wrong digest are not stored', async () => {
  const { command, to } = await receiver('--once');
  const peer = await Peer.to(to);
  peer.say(OFFER);
  await peer.hears('have');
  peer.say({ type: 'begin', file: 0, offset: 0 });
  peer.socket.send(ASCII);
  peer.say({ type: 'end', file: 0, size: 4, sha256: sha256('1235') });
  expect(await peer.hears('refused')).toMatchObject({ detail: expect.stringContaining('digest differs') });
  peer.socket.close(1000);
  expect(await command.exit).toBe(2);
  expect(await readdir(stage.now.path('in'))).toEqual([]);
});

test('only its sender learns of a part', async () => {
  const { to } = await receiver();
  const bob = await Peer.to(to);
  bob.say(OFFER);
  await bob.hears('have');
  bob.say({ type: 'begin', file: 0, offset: 0 });
  bob.socket.send(ASCII.slice(0, 2));
  await bob.socket.delivered();
  const eve = await Peer.to(to);
  eve.say(OFFER);
  expect(await eve.hears('have')).toMatchObject({ bytes: 0, sha256: sha256('') });
});

test('a receiver that reports a different digest is not believed', async () => {
  await writeFile(stage.now.path('file'), 'what is sent');
  const endpoint = new Endpoint(stage.now.relay.url, {
    identity: Identity.generate(randomBytes),
    accept: () => ({ protocol: FILES_PROTOCOL }),
  });
  endpoints.push(endpoint);
  let heard: Record<string, unknown> = {};
  endpoint.addEventListener('connection', async ({ socket }: ConnectionEvent) => {
    socket.binaryType = 'arraybuffer';
    const peer = new Peer(socket);
    peer.say({ type: 'have', file: 0, bytes: 4, sha256: sha256('WHAT') });
    heard = await peer.hears('begin');
    await peer.hears('end');
    peer.say({ type: 'stored', file: 0, sha256: sha256('another') });
  });
  const { publicKey } = await endpoint.ready;
  const sender = stage.now.as('alice', 'send', 'file', publicKey);
  expect(await sender.exit).toBe(2);
  expect(heard).toMatchObject({ offset: 0 });
  expect(sender.errors).not.toContain('delivered, ');
});

test.each([
  'null',
  '7',
  '[]',
  '{}',
  '{"type":"offer"}',
  '{"type":"have","file":-1}',
  '{"type":"stored","file":0}',
  '\u0000',
])('the text %j is refused as malformed', (text) => {
  expect(readSenderMessage(text)).toBe(null);
  expect(readReceiverMessage(text)).toBe(null);
});
