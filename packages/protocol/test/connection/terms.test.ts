import { Identity } from '@sws/crypto';
import { expect, test } from 'vitest';
import { Connection, DEFAULT_CHANNEL_SETTINGS, encodeFrame, type Proof, ServerRegistration } from '../../src/index.js';
import { seeded } from '../simulator/seeded.js';
import { toy } from '../simulator/toy-provider.js';

const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 1_000_000 };
const provider = toy;
const random = seeded(1).bytes;
const relay = Identity.fromSeed(random(32), provider);

/** What a relay has to send. */
function sent(asRelay: ServerRegistration): string[] {
  const frames: string[] = [];
  for (let frame = asRelay.pollFrame(); frame !== null; frame = asRelay.pollFrame()) frames.push(encodeFrame(frame));
  return frames;
}

/** Dials as the connection asks, and takes it to the relay's proof. */
function prove(connection: Connection, nowMs: number): { readonly asRelay: ServerRegistration; readonly proof: Proof } {
  const asRelay = new ServerRegistration({ identity: relay, provider, hosts: ['r'], nonce: random(32), nowMs });
  for (const frame of sent(asRelay)) connection.handleFrame(frame, nowMs);
  const answer = connection.pollFrame(nowMs);
  asRelay.handleFrame(typeof answer === 'string' ? answer : null);
  const event = asRelay.pollEvent();
  if (event?.type !== 'proven') throw new Error('not proven');
  return { asRelay, proof: event.proof };
}

test('a client whose lastTerm is refused registers without it', () => {
  const connection = new Connection({
    identity: Identity.fromSeed(random(32), provider),
    provider,
    random,
    host: 'r',
    encoding: 'binary',
    settings: DEFAULT_CHANNEL_SETTINGS,
    accept: () => false,
  });
  let now = 1_000;
  /** The relay's last frames arrive, and the connection closes with this code; the client dials again. */
  const end = (frames: readonly string[], closeCode: number) => {
    for (const frame of frames) connection.handleFrame(frame, now);
    connection.handleClosed(closeCode, now);
    now = connection.nextWakeAtMs;
    connection.handleTimeout(now);
  };

  connection.connect(now);
  const first = prove(connection, now);
  expect(first.proof.lastTerm).toBe(0);
  first.asRelay.handleAdmitted({ term: 2 ** 47, limits: LIMITS, keepalive: 15 });
  end(sent(first.asRelay), 1006);

  const second = prove(connection, now);
  expect(second.proof.lastTerm).toBe(2 ** 47);
  second.asRelay.handleRefused({ code: 'term-refused', detail: '' });
  end(sent(second.asRelay), 4410);

  expect(prove(connection, now).proof.lastTerm).toBe(0);
});
