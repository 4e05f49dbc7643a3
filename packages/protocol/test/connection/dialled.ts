import { Identity } from '@sws/crypto';
import { expect } from 'vitest';
import { encodeFrame, type RelayFrame } from '../../src/frames/relay-frames.js';
import { Connection, type ConnectionEvent, DEFAULT_CHANNEL_SETTINGS, ServerRegistration } from '../../src/index.js';
import { seeded } from '../simulator/seeded.js';
import { toy as provider } from '../simulator/toy-provider.js';

export { provider };
export const NOW = 1_000;
export const KEY = `09${'00'.repeat(31)}`;
const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 1_000_000 };

/** A client that has dialled, and the relay's side of its registration. */
export class Dialled {
  readonly random = seeded(1).bytes;
  readonly identity = Identity.fromSeed(this.random(32), provider);
  readonly connection: Connection;
  readonly relay = new ServerRegistration({
    identity: Identity.fromSeed(this.random(32), provider),
    provider,
    hosts: ['r'],
    nonce: this.random(32),
    nowMs: NOW,
  });

  constructor(asksShell = false) {
    this.connection = new Connection({
      identity: this.identity,
      provider,
      random: this.random,
      host: 'r',
      encoding: 'binary',
      settings: DEFAULT_CHANNEL_SETTINGS,
      accept: () => false,
      asksShell,
    });
    this.connection.connect(NOW);
    this.events();
  }

  register(): void {
    this.pass();
    this.respond();
    expect(this.connection.registered).toBe(true);
    this.events();
  }

  /** Hands the client's response to the relay, and the relay's frames to the client. */
  respond(): void {
    const answer = this.connection.pollFrame(NOW);
    this.relay.handleFrame(typeof answer === 'string' ? answer : null);
    this.relay.handleAdmitted({ term: 1, limits: LIMITS, keepalive: 60 });
    this.pass();
  }

  tell(frame: RelayFrame): void {
    this.connection.handleFrame(encodeFrame(frame), NOW);
  }

  events(): ConnectionEvent[] {
    const events: ConnectionEvent[] = [];
    for (let event = this.connection.pollEvent(); event !== null; event = this.connection.pollEvent())
      events.push(event);
    return events;
  }

  pass(): void {
    for (let frame = this.relay.pollFrame(); frame !== null; frame = this.relay.pollFrame()) this.tell(frame);
  }
}

export const failedWith = (code: string) => ({
  type: 'state',
  state: expect.objectContaining({ failure: expect.objectContaining({ code }) }),
});
