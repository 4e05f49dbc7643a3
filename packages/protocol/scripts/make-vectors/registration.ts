import { Identity, naclProvider as provider } from '@sws/crypto';
import { FAILURES, type FailureCode, failureOfCloseCode } from '../../src/failures.js';
import type { Encoding } from '../../src/frames/client-frames.js';
import { encodeFrame } from '../../src/frames/relay-frames.js';
import { ClientRegistration } from '../../src/registration/client-registration.js';
import { ServerRegistration } from '../../src/registration/server-registration.js';
import { nextTerm } from '../../src/registration/term.js';
import { type RegistrationFacts, registeredMessage, registerMessage } from '../../src/registration/transcript.js';
import { flipped, hex, littleEndian, unhex } from './hex.js';
import { seededRandom } from './seeded-random.js';

const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_388_608 };

interface Setup {
  readonly host: string;
  readonly token?: string;
  readonly encoding: Encoding;
  readonly lastTerm: number;
}

/** One whole registration: what each end sends, and the bytes that each signs. */
function transcript(name: string, setup: Setup) {
  const random = seededRandom(`registration ${name}`);
  const [client, relay] = [Identity.fromSeed(random(32), provider), Identity.fromSeed(random(32), provider)];
  const [nonce, clientNonce] = [random(32), random(32)];
  const { host, token, encoding, lastTerm } = setup;
  const asClient = new ClientRegistration({ ...setup, identity: client, provider, clientNonce });
  const asRelay = new ServerRegistration({ identity: relay, provider, hosts: [host], nonce, nowMs: 0 });
  const sent = (machine: ClientRegistration | ServerRegistration): string => {
    const frame = machine.pollFrame();
    if (frame === null) throw new Error(`${name}: nothing was sent`);
    return encodeFrame(frame);
  };
  const challenge = sent(asRelay);
  asClient.handleFrame(challenge);
  const response = sent(asClient);
  asRelay.handleFrame(response);
  if (asRelay.pollEvent()?.type !== 'proven') throw new Error(`${name}: not proven`);
  const term = lastTerm + 1;
  asRelay.handleAdmitted({ term, limits: LIMITS, keepalive: 15 });
  const success = sent(asRelay);
  const facts = {
    nonce: hex(nonce),
    serverKey: relay.signingKey,
    publicKey: client.publicKey,
    signingKey: client.signingKey,
    clientNonce: hex(clientNonce),
    host,
    token: token ?? '',
    lastTerm,
  };
  const register = registerMessage(facts);
  const signedNonce = client.signLabelled('register', register);
  return {
    name,
    clientSeed: hex(client.exportSeed()),
    relaySeed: hex(relay.exportSeed()),
    nonce: hex(nonce),
    clientNonce: hex(clientNonce),
    host,
    token: token ?? null,
    encoding,
    lastTerm,
    challenge,
    register: hex(register),
    signedNonce: hex(signedNonce),
    response,
    registered: hex(registeredMessage(provider, register, signedNonce, term)),
    success,
  };
}

/** What a relay with the host `relay.example` says to answers that are not right. */
function refusedByRelay() {
  const base = transcript('refused', { host: 'relay.example', encoding: 'json', lastTerm: 0, token: 'let me in' });
  const response = JSON.parse(base.response) as Record<string, unknown>;
  const client = Identity.fromSeed(unhex(base.clientSeed), provider);
  const other = Identity.fromSeed(seededRandom('registration other')(32), provider);
  const one = (name: string, answer: string, failure: FailureCode) => ({
    name,
    response: answer,
    failure,
    closeCode: FAILURES[failure].closeCode,
  });
  const changed = (name: string, change: Record<string, unknown>, failure: FailureCode) =>
    one(name, JSON.stringify({ ...response, ...change }), failure);
  const missing = (field: string) => {
    const { [field]: _, ...rest } = response;
    return one(`without ${field}`, JSON.stringify(rest), 'bad-frame');
  };
  const signedOver = (facts: Partial<RegistrationFacts>): string => {
    const parsed = JSON.parse(base.challenge) as { nonce: string; serverKey: string };
    const message = registerMessage({
      nonce: parsed.nonce,
      serverKey: parsed.serverKey,
      publicKey: client.publicKey,
      signingKey: client.signingKey,
      clientNonce: base.clientNonce,
      host: base.host,
      token: 'let me in',
      lastTerm: base.lastTerm,
      ...facts,
    });
    return hex(client.signLabelled('register', message));
  };
  const forHost = (name: string, host: string) =>
    changed(name, { host, signedNonce: signedOver({ host }) }, 'registration-refused');
  return {
    relaySeed: base.relaySeed,
    nonce: base.nonce,
    hosts: ['relay.example'],
    accepted: [
      one('as it should be', base.response, 'normal'),
      one('an unknown field', JSON.stringify({ ...response, more: [1] }), 'normal'),
      one(
        'of two equal keys the last counts',
        base.response.replace('"encoding"', '"encoding":"cbor","encoding"'),
        'normal',
      ),
    ].map(({ name, response: answer }) => ({ name, response: answer })),
    refused: [
      one('not JSON', '{', 'bad-frame'),
      one('not an object', '[]', 'bad-frame'),
      one('null', 'null', 'bad-frame'),
      one('no type', '{}', 'bad-frame'),
      one('a type that is unknown', '{"type":"HELLO"}', 'bad-frame'),
      one('a PING before registration', '{"type":"PING","id":1}', 'bad-frame'),
      one(
        'a MESSAGE before registration',
        JSON.stringify({ type: 'MESSAGE', to: client.publicKey, content: '' }),
        'bad-frame',
      ),
      ...['publicKey', 'signingKey', 'host', 'clientNonce', 'signedNonce', 'encoding', 'lastTerm'].map(missing),
      changed('publicKey in upper case', { publicKey: client.publicKey.toUpperCase() }, 'bad-frame'),
      changed('publicKey of 31 bytes', { publicKey: client.publicKey.slice(2) }, 'bad-frame'),
      changed('signingKey that is a number', { signingKey: 1 }, 'bad-frame'),
      changed('clientNonce of 33 bytes', { clientNonce: `${base.clientNonce}00` }, 'bad-frame'),
      changed('signedNonce of 63 bytes', { signedNonce: base.signedNonce.slice(2) }, 'bad-frame'),
      changed('an encoding that is unknown', { encoding: 'cbor' }, 'bad-frame'),
      changed('lastTerm below zero', { lastTerm: -1 }, 'bad-frame'),
      changed('lastTerm that is no integer', { lastTerm: 1.5 }, 'bad-frame'),
      changed('lastTerm that is text', { lastTerm: '1' }, 'bad-frame'),
      changed('lastTerm above 2^48', { lastTerm: 2 ** 48 + 1 }, 'bad-frame'),
      changed('host that is empty', { host: '' }, 'bad-frame'),
      changed('host of 256 bytes', { host: 'h'.repeat(256) }, 'bad-frame'),
      changed('host of 255 characters and more bytes', { host: 'é'.repeat(255) }, 'bad-frame'),
      changed('token of 1,025 bytes', { token: 't'.repeat(1_025) }, 'bad-frame'),
      changed('token that is null', { token: null }, 'bad-frame'),
      changed('more than 4,096 bytes', { more: 'x'.repeat(4_096) }, 'bad-frame'),
      changed('fewer than 4,096 characters, but more bytes', { more: '€'.repeat(1_400) }, 'bad-frame'),
      changed(
        'malformed before refused: encoding before host',
        { encoding: 'cbor', host: 'evil.example' },
        'bad-frame',
      ),
      changed('publicKey = p', { publicKey: hex(littleEndian(2n ** 255n - 19n)) }, 'registration-refused'),
      changed('publicKey of low order', { publicKey: hex(littleEndian(1n)) }, 'registration-refused'),
      forHost('another host', 'evil.example'),
      forHost('host with a port', 'relay.example:8443'),
      forHost('host in upper case', 'Relay.example'),
      forHost('host with a trailing dot', 'relay.example.'),
      changed("another identity's signingKey", { signingKey: other.signingKey }, 'registration-refused'),
      changed("another identity's publicKey", { publicKey: other.publicKey }, 'registration-refused'),
      changed(
        'one bit of the signature',
        { signedNonce: hex(flipped(unhex(base.signedNonce), 0)) },
        'registration-refused',
      ),
      changed(
        'signed over another nonce',
        { signedNonce: signedOver({ nonce: base.clientNonce }) },
        'registration-refused',
      ),
      changed(
        "signed over another relay's serverKey",
        { signedNonce: signedOver({ serverKey: other.signingKey }) },
        'registration-refused',
      ),
      changed(
        'signed over another host',
        { signedNonce: signedOver({ host: 'other.example' }) },
        'registration-refused',
      ),
      changed('another lastTerm', { lastTerm: 1 }, 'registration-refused'),
      changed('another token', { token: 'let me out' }, 'registration-refused'),
      changed('another clientNonce', { clientNonce: base.nonce }, 'registration-refused'),
    ],
  };
}

/** What a client says to relays that are not right: `answers` is how many frames it sends before it fails. */
function refusedByClient() {
  const base = transcript('client', { host: 'relay.example', encoding: 'binary', lastTerm: 3 });
  const other = transcript('other relay', { host: 'relay.example', encoding: 'binary', lastTerm: 3 });
  const success = JSON.parse(base.success) as Record<string, unknown>;
  const challenge = JSON.parse(base.challenge) as Record<string, unknown>;
  const one = (name: string, frames: readonly string[], answers: number, failure: FailureCode, pinned?: string) => ({
    name,
    frames,
    answers,
    failure,
    ...(pinned === undefined ? {} : { pinned }),
  });
  const refused = (name: string, code: number, reason: string, failure: FailureCode) =>
    one(name, [base.challenge, JSON.stringify({ type: 'REGISTER_FAILURE', code, reason })], 1, failure);
  const { serverKey } = challenge as { serverKey: string };
  return {
    clientSeed: base.clientSeed,
    clientNonce: base.clientNonce,
    host: base.host,
    encoding: base.encoding,
    lastTerm: base.lastTerm,
    accepted: [
      { name: 'not pinned', frames: [base.challenge, base.success] },
      { name: 'pinned', frames: [base.challenge, base.success], pinned: serverKey },
      {
        name: 'types that are unknown are ignored',
        frames: ['{"type":"NEWS"}', base.challenge, '{"type":"NEWS"}', base.success],
      },
    ],
    refused: [
      one('not JSON', ['{'], 0, 'bad-frame'),
      one('version 2', [JSON.stringify({ ...challenge, version: 2 })], 0, 'bad-frame'),
      one('a nonce of 31 bytes', [JSON.stringify({ ...challenge, nonce: base.nonce.slice(2) })], 0, 'bad-frame'),
      one('no serverKey', [JSON.stringify({ ...challenge, serverKey: undefined })], 0, 'bad-frame'),
      one('two challenges', [base.challenge, base.challenge], 1, 'bad-frame'),
      one('success without a challenge', [base.success], 0, 'bad-frame'),
      one(
        'success for another key',
        [base.challenge, JSON.stringify({ ...success, publicKey: JSON.parse(other.success).publicKey })],
        1,
        'bad-frame',
      ),
      one(
        'success without limits',
        [base.challenge, JSON.stringify({ ...success, limits: undefined })],
        1,
        'bad-frame',
      ),
      one('a PING before success', [base.challenge, '{"type":"PING","id":1}'], 1, 'bad-frame'),
      one(
        "another relay's signature",
        [base.challenge, JSON.stringify({ ...success, signature: JSON.parse(other.success).signature })],
        1,
        'wrong-server-key',
      ),
      one(
        'another term than the signed one',
        [base.challenge, JSON.stringify({ ...success, term: 5 })],
        1,
        'wrong-server-key',
      ),
      one(
        'not the pinned relay: nothing is signed',
        [base.challenge],
        0,
        'wrong-server-key',
        JSON.parse(other.challenge).serverKey,
      ),
      refused('refused with 4401', 4401, 'no', 'registration-refused'),
      refused('refused with 4403', 4403, 'no', 'forbidden'),
      refused('lastTerm refused', 4410, 'no', 'term-refused'),
      one('too late', ['{"type":"REGISTER_FAILURE","code":4408,"reason":"late"}'], 0, 'registration-timeout'),
      one('no room', ['{"type":"ERROR","code":1013,"reason":"full"}'], 0, 'try-again-later'),
      refused('refused with a code that is unknown', 4999, '?', 'connection-lost'),
      one('an ERROR of code 0', ['{"type":"ERROR","code":0,"reason":""}'], 0, 'connection-lost'),
      one("a channel's code", ['{"type":"ERROR","code":1002,"reason":""}'], 0, 'connection-lost'),
    ],
  };
}

/** What a relay makes of `known`, `lastTerm` and its clock. */
function terms() {
  const wallMs = 1_800_000_000_000;
  const clock = (wallMs / 1000) * 1024;
  const aDay = 86_400 * 1024;
  return [
    { name: 'a key that nobody knows', known: 0, lastTerm: 0, wallMs },
    { name: 'the client knows a lower one', known: 0, lastTerm: 7, wallMs },
    { name: 'the relay knows a higher one', known: clock + 10, lastTerm: clock + 3, wallMs },
    { name: 'the client knows a higher one', known: clock + 3, lastTerm: clock + 10, wallMs },
    { name: 'lastTerm a day ahead', known: 0, lastTerm: clock + aDay, wallMs },
    { name: 'lastTerm more than a day ahead', known: 0, lastTerm: clock + aDay + 1, wallMs },
    { name: 'lastTerm more than a day ahead, and known', known: clock + 2 * aDay, lastTerm: clock + 2 * aDay, wallMs },
    {
      name: 'lastTerm above one known that is more than a day ahead',
      known: clock + 2 * aDay,
      lastTerm: clock + 2 * aDay + 1,
      wallMs,
    },
    { name: 'the highest lastTerm', known: 5, lastTerm: 2 ** 48, wallMs },
    { name: 'the highest term is known: it is given again', known: 2 ** 48, lastTerm: 2 ** 48, wallMs },
    { name: 'a clock before 1970', known: 5, lastTerm: 2, wallMs: -1_000 },
    { name: 'a clock that is far ahead', known: 0, lastTerm: 0, wallMs: 2 ** 52 },
  ].map((row) => ({ ...row, term: nextTerm(row.known, row.lastTerm, row.wallMs) }));
}

export function registrationVectors() {
  return {
    description:
      'PROTOCOL section 2. valid: whole registrations; register and registered are the bytes that client and relay sign. relay: answers to one challenge (nonce, relaySeed, hosts), accepted or refused. client: what one client does with frames from relays; answers counts the frames that it sends. terms: the term that a relay gives, null where it refuses lastTerm. hosts: the host that is signed for a dialled URL; malformedHosts: no URL has them. closeCodes: what a close by the relay, or the code of a REGISTER_FAILURE or ERROR, stands for.',
    valid: [
      transcript('first', { host: 'relay.example', encoding: 'binary', lastTerm: 0 }),
      transcript('again, with a port', { host: 'relay.example:8443', encoding: 'json', lastTerm: 41 }),
      transcript('a token and an IPv6 host', {
        host: '[2001:db8::1]',
        encoding: 'binary',
        lastTerm: 0,
        token: 'tökén',
      }),
      transcript('a name in punycode', { host: 'xn--rksmrgs-5wao1o.example', encoding: 'json', lastTerm: 2 ** 48 - 1 }),
    ],
    relay: refusedByRelay(),
    client: refusedByClient(),
    terms: terms(),
    hosts: [
      { url: 'wss://relay.example/', host: 'relay.example' },
      { url: 'wss://Relay.Example/path', host: 'relay.example' },
      { url: 'wss://relay.example./', host: 'relay.example' },
      { url: 'wss://relay.example.:8443/', host: 'relay.example:8443' },
      { url: 'wss://relay.example:443/', host: 'relay.example' },
      { url: 'ws://relay.example:443/', host: 'relay.example:443' },
      { url: 'ws://relay.example:80/', host: 'relay.example' },
      { url: 'wss://[2001:DB8::1]:80/', host: '[2001:db8::1]:80' },
      { url: 'ws://127.0.0.1:8787/', host: '127.0.0.1:8787' },
    ],
    malformedHosts: ['', 'relay.example/path', 'user@relay.example', 'relay.example:port', 'h'.repeat(256)],
    closeCodes: [
      1000, 1001, 1002, 1005, 1006, 1009, 1011, 1012, 1013, 4000, 4400, 4401, 4403, 4408, 4409, 4410, 4429, 4999,
    ].map((closeCode) => {
      const failure = failureOfCloseCode(closeCode);
      return { closeCode, failure, reconnects: FAILURES[failure].retry };
    }),
  };
}
