import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type SecureWebSocket,
  type WebSocketConstructor,
} from '@sws/client';
import { type CryptoProvider, concatBytes, Identity, naclProvider } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

const SECRET = 'the eagle lands at midnight, bring the blue umbrella';
let relay: Relay;
beforeEach(async () => {
  relay = await startRelay({ port: 0, chat: false });
});
afterEach(() => relay.close());

/** A transport that passes everything through `onSend` and `onReceive`: all that the relay handles, unmasked. */
function tapped(
  onSend: (data: string | Uint8Array) => void,
  onReceive: (data: unknown) => unknown[],
): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols);
      let handler: ((event: { data: unknown }) => void) | null = null;
      this.addEventListener('message', ({ data }) => {
        for (const one of onReceive(data)) handler?.({ data: one });
      });
      Object.defineProperty(this, 'onmessage', {
        set: (value: typeof handler) => {
          handler = value;
        },
      });
    }
    override send(data: string | Uint8Array): void {
      onSend(data);
      super.send(data);
    }
  } as unknown as WebSocketConstructor;
}

/** Opens a channel from Alice to Bob; both ends' sockets. */
async function pair(
  alice: Identity,
  bob: Identity,
  options: { provider?: CryptoProvider; WebSocket?: WebSocketConstructor },
): Promise<[ClientSecureWebSocket, SecureWebSocket, Endpoint]> {
  const endpoint = new Endpoint(relay.url, { identity: bob, accept: () => true, ...options });
  const accepted = new Promise<SecureWebSocket>((resolve) =>
    endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => resolve(socket)),
  );
  while (endpoint.state !== 'registered')
    await new Promise((resolve) => endpoint.addEventListener('state', resolve, { once: true }));
  const socket = new ClientSecureWebSocket(`${relay.url}${bob.publicKey}/secret-room`, ['secret-protocol'], {
    identity: alice,
    ...options,
  });
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  return [socket, await accepted, endpoint];
}

function next(socket: SecureWebSocket): Promise<unknown> {
  return new Promise((resolve) =>
    socket.addEventListener('message', (event) => resolve((event as MessageEvent).data), { once: true }),
  );
}

/** A whole conversation; gives every byte that crossed the relay, and every secret that either end ever had. */
async function conversation(provider: CryptoProvider): Promise<{ seen: Buffer; secrets: Uint8Array[] }> {
  const chunks: Buffer[] = [];
  const secrets: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): Uint8Array => {
    secrets.push(bytes.slice());
    return bytes;
  };
  const spying: CryptoProvider = {
    ...provider,
    hkdf: (...args) => keep(provider.hkdf(...args)),
    x25519: (...args) => keep(provider.x25519(...args)),
  };
  const record = (data: unknown): void => {
    chunks.push(typeof data === 'string' ? Buffer.from(data) : Buffer.from(data as ArrayBuffer));
  };
  const tap = tapped(record, (data) => {
    record(data);
    return [data];
  });
  const [alice, bob] = [Identity.generate(randomBytes), Identity.generate(randomBytes)];
  secrets.push(alice.exportSeed(), bob.exportSeed());
  const [a, b, endpoint] = await pair(alice, bob, { provider: spying, WebSocket: tap });
  const heard = next(b);
  a.send(SECRET);
  expect(await heard).toBe(SECRET);
  const answered = next(a);
  b.send(`${SECRET}, understood`);
  await answered;
  const closed = new Promise((resolve) => b.addEventListener('close', resolve, { once: true }));
  a.close(4000, 'secret-reason');
  await closed;
  await endpoint.close();
  return { seen: Buffer.concat(chunks), secrets };
}

describe('the relay cannot read', () => {
  const PLAIN = [SECRET, 'secret-room', 'secret-protocol', 'secret-reason'];

  test('nothing it handles contains plaintext, a seed or a session key', async () => {
    const { seen, secrets } = await conversation(naclProvider);
    expect(seen.length).toBeGreaterThan(5_000);
    for (const text of PLAIN) expect(seen.includes(text), text).toBe(false);
    expect(secrets.length).toBeGreaterThan(8);
    for (const secret of secrets) {
      for (let at = 0; at + 32 <= secret.length; at += 32) {
        const part = Buffer.from(secret.subarray(at, at + 32));
        expect(seen.includes(part)).toBe(false);
        expect(seen.includes(part.toString('hex'))).toBe(false);
      }
    }
  });

  test('the same recorder finds plaintext when sealing is off', async () => {
    const open: CryptoProvider = {
      ...naclProvider,
      secretboxSeal(_key, _nonce, plaintext, into) {
        const box = concatBytes(new Uint8Array(16), plaintext);
        into?.set(box);
        return into ?? box;
      },
      secretboxOpen: (_key, _nonce, box) => box.slice(16),
    };
    const { seen } = await conversation(open);
    for (const text of PLAIN) expect(seen.includes(text), text).toBe(true);
  });
});

describe('a frame changed by the relay is never delivered', () => {
  type Attack = (frame: Buffer, earlier: Buffer[]) => Buffer[];
  const attacks: [string, Attack][] = [
    [
      'altered',
      (frame) => {
        const changed = Buffer.from(frame);
        changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
        return [changed];
      },
    ],
    ['replayed', (frame, earlier) => [frame, ...earlier, frame]],
    ['held back and put in later', (frame, earlier) => (earlier.length % 3 === 1 ? [] : [frame, ...earlier.slice(-1)])],
  ];
  test.each(attacks)('%s', async (_name, attack) => {
    const earlier: Buffer[] = [];
    let attacked = 0;
    const tap = tapped(
      () => {},
      (data) => {
        if (typeof data === 'string') return [data];
        const frame = Buffer.from(data as ArrayBuffer);
        // Only DATA (kind 3), and only the first few: then the relay behaves.
        if (frame[33] !== 3 || attacked >= 6) return [data];
        attacked++;
        const given = attack(frame, [...earlier]).map((one) =>
          one.buffer.slice(one.byteOffset, one.byteOffset + one.length),
        );
        earlier.push(frame);
        return given;
      },
    );
    const [a, b, endpoint] = await pair(Identity.generate(randomBytes), Identity.generate(randomBytes), {
      WebSocket: tap,
    });
    const received: unknown[] = [];
    // So large that each has a frame of its own.
    const sent = Array.from({ length: 20 }, (_, i) => `message ${i}`.padEnd(40_000));
    const all = new Promise<void>((resolve) => {
      b.onmessage = ({ data }) => {
        received.push(data);
        if (received.length === sent.length) resolve();
      };
    });
    for (const text of sent) a.send(text);
    await all;
    await a.delivered();
    expect(attacked).toBe(6);
    expect(received).toEqual(sent);
    await endpoint.close();
  });
});
