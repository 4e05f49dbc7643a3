import { Endpoint, type SecureWebSocket, type WebSocketConstructor } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { buildGoClient, checkGo, GoPeer } from './go-peer.js';

const go = await buildGoClient();
const skipped = 'missing' in go ? `: skipped, ${go.missing}` : '';
const FLOOD = 3_000;
/** So many frames make the TypeScript initiator change keys. */
const FRAMES_TO_REKEY = 2 ** 16;

let relay: Relay;
const peers: GoPeer[] = [];
const endpoints: Endpoint[] = [];
const sockets = new Set<WebSocket>();

/** The transport of the TypeScript ends, which a test can cut. */
class Transport extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols);
    sockets.add(this);
    this.once('close', () => sockets.delete(this));
  }
}

function newPeer(encoding: 'binary' | 'json'): GoPeer {
  if ('missing' in go) throw new Error(go.missing);
  const peer = new GoPeer(go.binary, relay.url, encoding);
  peers.push(peer);
  return peer;
}

async function newEndpoint(accept: () => boolean | { protocol?: string }): Promise<Endpoint> {
  const endpoint = new Endpoint(relay.url, {
    identity: Identity.generate(randomBytes),
    accept,
    WebSocket: Transport as unknown as WebSocketConstructor,
  });
  endpoints.push(endpoint);
  while (endpoint.state !== 'registered') await once(endpoint, 'state');
  return endpoint;
}

function once<T extends Event>(target: EventTarget, type: string): Promise<T> {
  return new Promise((resolve) => target.addEventListener(type, (event) => resolve(event as T), { once: true }));
}

/** What a socket hears: the flood counted and its order checked, other messages in turn. */
class Listener {
  readonly #messages: unknown[] = [];
  #flood = 0;
  ordered = true;
  #wake: () => void = () => {};

  constructor(socket: SecureWebSocket) {
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', (event) => {
      const { data } = event as MessageEvent;
      if (typeof data !== 'string' || !data.startsWith('flood ')) this.#messages.push(data);
      else this.ordered &&= data === `flood ${this.#flood++}`;
      this.#wake();
    });
  }

  async #until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
  next(): Promise<unknown> {
    return this.#until(() => this.#messages.shift());
  }
  flooded(count: number): Promise<true> {
    return this.#until(() => (this.#flood >= count ? true : undefined));
  }
  restart(): void {
    this.#flood = 0;
  }
}

/** Messages of all sorts, both ways. */
async function converse(peer: GoPeer, socket: SecureWebSocket, listener: Listener): Promise<void> {
  peer.tell({ do: 'text', text: 'grüße from Go <&>' });
  expect(await listener.next()).toBe('grüße from Go <&>');
  socket.send('grüße from TypeScript');
  expect((await peer.next('text')).text).toBe('grüße from TypeScript');
  const large = Buffer.alloc(200_000, 'sws');
  peer.tell({ do: 'binary', binary: large.toString('hex') });
  expect(Buffer.from((await listener.next()) as ArrayBuffer).equals(large)).toBe(true);
  socket.send(large);
  expect((await peer.next('binary')).binary).toBe(large.toString('hex'));
}

/** Many messages both ways at once; `cut` breaks a connection in the middle. */
async function flood(
  peer: GoPeer,
  socket: SecureWebSocket,
  listener: Listener,
  count: number,
  cut: () => void,
): Promise<void> {
  listener.restart();
  peer.tell({ do: 'flood', count });
  for (let i = 0; i < count; i++) socket.send(`flood ${i}`);
  await listener.flooded(Math.floor(count / 3));
  cut();
  await listener.flooded(count);
  expect(listener.ordered).toBe(true);
  expect(await peer.next('flood')).toMatchObject({ count, ordered: true });
  await socket.delivered();
}

/** Goes on with a flood, each message in a frame of its own: it has gone out before the next one is sent. */
async function floodInFrames(socket: SecureWebSocket, frames: number): Promise<void> {
  for (let i = 0; i < frames; i++) {
    socket.send(`flood ${FLOOD + i}`);
    await undefined;
    // None waits for the transport, or for credit.
    if (i % 128 === 127) await new Promise(setImmediate);
    if (i % 2_048 === 2_047) await socket.delivered();
  }
}

describe.skipIf('missing' in go)(`a client in Go, written from PROTOCOL.md${skipped}`, () => {
  beforeAll(async () => {
    relay = await startRelay({
      port: 0,
      chat: false,
      limits: { messagesPerSecond: 1_000_000, bytesPerSecond: 1_000_000_000 },
    });
  });
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((peer) => peer.stop()));
    await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close()));
  });
  afterAll(() => relay?.close());

  test('is formatted and passes its tests: every vector', async () => {
    expect(await checkGo('gofmt', '-l', '.')).toBe('');
    await checkGo('go', 'vet', './...');
    expect(await checkGo('go', 'test', './...')).toContain('ok');
  }, 60_000);

  test.each(['json', 'binary'] as const)(
    'over %s: opens a channel, rekeys early, is cut off, resumes, closes',
    async (encoding) => {
      const endpoint = await newEndpoint(() => ({ protocol: 'chat.v1' }));
      const connection = once<Event & { socket: SecureWebSocket }>(endpoint, 'connection');
      const peer = newPeer(encoding);
      expect((await peer.next('registered')).publicKey).toBe(peer.identity.publicKey);
      peer.tell({ do: 'open', peer: endpoint.address, resource: '/room?x=1&y=2', protocols: ['chat.v2', 'chat.v1'] });
      expect(await peer.next('open')).toMatchObject({ protocol: 'chat.v1' });
      const { socket } = await connection;
      expect([socket.peer, socket.resource, socket.protocol]).toEqual([
        peer.identity.publicKey,
        '/room?x=1&y=2',
        'chat.v1',
      ]);
      const listener = new Listener(socket);
      await converse(peer, socket, listener);
      // The first of a channel: a second would be answered 30 s after it.
      await flood(peer, socket, listener, FLOOD, () => {
        peer.tell({ do: 'cut' });
        peer.tell({ do: 'rekey' });
      });
      expect((await peer.next('resumed')).event).toBe('resumed');
      expect((await peer.next('rekeyed')).epoch).toBe(1);
      await converse(peer, socket, listener);
      const closed = once<CloseEvent>(socket, 'close');
      peer.tell({ do: 'close', code: 4001, reason: 'bye from Go' });
      expect(await closed).toMatchObject({ code: 4001, reason: 'bye from Go', wasClean: true });
      expect(await peer.next('close')).toMatchObject({ code: 4001, clean: true, failure: '' });
    },
    60_000,
  );

  test.each(['json', 'binary'] as const)(
    'over %s: accepts a channel, exchanges messages through a cut, and answers the close',
    async (encoding) => {
      const peer = newPeer(encoding);
      await peer.next('registered');
      const endpoint = await newEndpoint(() => false);
      const socket = endpoint.connect(peer.identity.publicKey, { resource: '/from/ts', protocols: ['chat.v1'] });
      await once(socket, 'open');
      expect(await peer.next('open')).toMatchObject({
        peer: endpoint.address,
        resource: '/from/ts',
        protocol: 'chat.v1',
      });
      const listener = new Listener(socket);
      await converse(peer, socket, listener);
      const resumed = once(socket, 'resumed');
      await flood(peer, socket, listener, FLOOD, () => {
        for (const transport of sockets) transport.terminate();
      });
      await resumed;
      if (encoding === 'binary') {
        await floodInFrames(socket, FRAMES_TO_REKEY);
        // Messages go on under the next keys.
        expect((await peer.next('rekeyed')).epoch).toBe(1);
        socket.send('under the next key');
        expect((await peer.next('text')).text).toBe('under the next key');
      }
      await converse(peer, socket, listener);
      const closed = once<CloseEvent>(socket, 'close');
      socket.close(4002, 'bye from TypeScript');
      expect(await peer.next('close')).toMatchObject({ code: 4002, reason: 'bye from TypeScript', clean: true });
      expect(await closed).toMatchObject({ code: 4002, wasClean: true });
    },
    60_000,
  );

  test('learns why an open failed: refused, or offline', async () => {
    const endpoint = await newEndpoint(() => false);
    const peer = newPeer('json');
    await peer.next('registered');
    peer.tell({ do: 'open', peer: endpoint.address, resource: '/', protocols: [] });
    expect(await peer.next('close')).toMatchObject({ code: 1006, clean: false, failure: 'refused' });
    peer.tell({ do: 'open', peer: Identity.generate(randomBytes).publicKey, resource: '/', protocols: [] });
    expect(await peer.next('close')).toMatchObject({ code: 1006, clean: false, failure: 'offline' });
  });
});
