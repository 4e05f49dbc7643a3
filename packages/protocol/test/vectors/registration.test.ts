import { type CryptoProvider, encodeHex, Identity, naclProvider as provider, verifySignature } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { registrationVectors } from '../../scripts/make-vectors/registration.js';
import {
  ClientRegistration,
  type ClientRegistrationEvent,
  encodeFrame,
  FAILURES,
  failureOfCloseCode,
  ServerRegistration,
} from '../../src/index.js';
import { normaliseHost } from '../../src/registration/host.js';
import { nextTerm } from '../../src/registration/term.js';
import { registeredMessage, registerMessage } from '../../src/registration/transcript.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';

const vectors = readVectors<ReturnType<typeof registrationVectors>>('registration.json');
type Transcript = (typeof vectors.valid)[number];

/** The texts that a machine has to send, after a frame that it is given. */
function sent(machine: ClientRegistration | ServerRegistration, frame?: string): string[] {
  if (frame !== undefined) machine.handleFrame(frame);
  const texts: string[] = [];
  for (let next = machine.pollFrame(); next !== null; next = machine.pollFrame()) texts.push(encodeFrame(next));
  return texts;
}

function newRelayEvent(machine: ServerRegistration, frame: string) {
  machine.handleFrame(frame);
  return machine.pollEvent();
}

function client(provider: CryptoProvider, vector: Omit<Transcript, 'token'> & { token: string | null }) {
  const { host, encoding, lastTerm, token } = vector;
  return new ClientRegistration({
    identity: Identity.fromSeed(unhex(vector.clientSeed), provider),
    provider,
    host,
    encoding,
    lastTerm,
    clientNonce: unhex(vector.clientNonce),
    ...(token === null ? {} : { token }),
  });
}

function relay(provider: CryptoProvider, vector: { relaySeed: string; nonce: string }, hosts: readonly string[]) {
  const identity = Identity.fromSeed(unhex(vector.relaySeed), provider);
  return new ServerRegistration({ identity, provider, hosts, nonce: unhex(vector.nonce), nowMs: 0 });
}

describe.each(PROVIDERS)('$name agrees with the registrations', (provider) => {
  test.each(vectors.valid)('$name', (vector) => {
    const [asClient, asRelay] = [client(provider, vector), relay(provider, vector, [vector.host])];
    expect(sent(asRelay)).toEqual([vector.challenge]);
    expect(sent(asClient, vector.challenge)).toEqual([vector.response]);
    expect(newRelayEvent(asRelay, vector.response)).toMatchObject({
      type: 'proven',
      proof: { token: vector.token, lastTerm: vector.lastTerm },
    });
    const { term, limits, keepalive } = JSON.parse(vector.success);
    asRelay.handleAdmitted({ term, limits, keepalive });
    expect(sent(asRelay)).toEqual([vector.success]);
    expect(sent(asClient, vector.success)).toEqual([]);
    expect(asClient.pollEvent()).toMatchObject({ type: 'registered', term, keepaliveMs: keepalive * 1000 });
    const { publicKey, signingKey } = Identity.fromSeed(unhex(vector.clientSeed), provider);
    const register = registerMessage({
      nonce: vector.nonce,
      serverKey: JSON.parse(vector.challenge).serverKey,
      publicKey,
      signingKey,
      clientNonce: vector.clientNonce,
      host: vector.host,
      token: vector.token ?? '',
      lastTerm: vector.lastTerm,
    });
    expect(encodeHex(register)).toBe(vector.register);
    expect(encodeHex(registeredMessage(provider, register, unhex(vector.signedNonce), term))).toBe(vector.registered);
  });

  test.each(vectors.relay.accepted)('a relay accepts: $name', ({ response }) => {
    const machine = relay(provider, vectors.relay, vectors.relay.hosts);
    expect(newRelayEvent(machine, response)).toMatchObject({ type: 'proven' });
  });

  test.each(vectors.relay.refused)('a relay refuses: $name', ({ response, failure, closeCode }) => {
    const machine = relay(provider, vectors.relay, vectors.relay.hosts);
    expect(machine.pollFrame()).toMatchObject({ type: 'CHALLENGE' });
    expect(newRelayEvent(machine, response)).toMatchObject({ type: 'close', failure: { code: failure } });
    expect(machine.pollEvent()).toBeNull();
    expect(machine.pollFrame()).toMatchObject({ type: 'REGISTER_FAILURE', code: closeCode });
    expect(machine.pollFrame()).toBeNull();
    expect(FAILURES[failure].closeCode).toBe(closeCode);
  });
});

/** A client of the vectors, whose shell signs and verifies at once if it is asked. */
class PinnedClient {
  readonly identity: Identity;
  readonly machine: ClientRegistration;

  constructor(pinned: string | undefined, asksShell: boolean) {
    const { clientSeed, clientNonce, host, lastTerm } = vectors.client;
    this.identity = Identity.fromSeed(unhex(clientSeed), provider);
    this.machine = new ClientRegistration({
      identity: this.identity,
      provider,
      host,
      encoding: 'binary',
      lastTerm,
      clientNonce: unhex(clientNonce),
      asksShell,
      ...(pinned === undefined ? {} : { serverKey: pinned }),
    });
  }

  /** How many frames it sends as answers, and its last event. */
  hear(frames: readonly string[]): { answers: number; event: ClientRegistrationEvent | null } {
    let [answers, event] = [0, null as ClientRegistrationEvent | null];
    for (const text of frames) {
      this.machine.handleFrame(text);
      event = this.machine.pollEvent() ?? event;
      if (event?.type === 'sign') {
        this.machine.handleSignature(this.identity.signLabelled('register', event.message));
        event = this.machine.pollEvent();
      } else if (event?.type === 'verify') {
        const { signingKey, message, signature } = event;
        this.machine.handleSignature(verifySignature(provider, signingKey, message, signature));
        event = this.machine.pollEvent();
      }
      answers += sent(this.machine).length;
    }
    return { answers, event };
  }
}

describe.each([false, true])('a client (its shell signs: %s)', (asksShell) => {
  test.each(vectors.client.accepted)('accepts: $name', ({ frames, pinned }) => {
    const { answers, event } = new PinnedClient(pinned, asksShell).hear(frames);
    expect([answers, event?.type]).toEqual([1, 'registered']);
  });

  test.each(vectors.client.refused)('refuses: $name', ({ frames, answers, failure, pinned }) => {
    const heard = new PinnedClient(pinned, asksShell).hear(frames);
    expect(heard).toMatchObject({ answers, event: { type: 'failed', failure: { code: failure } } });
  });
});

test.each(vectors.terms)('gives the term for $name', ({ known, lastTerm, wallMs, term }) => {
  expect(nextTerm(known, lastTerm, wallMs)).toBe(term);
});

test.each(vectors.hosts)('the host signed for $url', ({ url, host }) => {
  expect(normaliseHost(new URL(url).host)).toBe(host);
});

test.each(vectors.malformedHosts)('not a host: "%s"', (host) => {
  expect(normaliseHost(host)).toBeNull();
});

test.each(vectors.closeCodes)('close code $closeCode means $failure', ({ closeCode, failure, reconnects }) => {
  expect([failureOfCloseCode(closeCode), FAILURES[failure].retry]).toEqual([failure, reconnects]);
});
