import { Identity } from '@sws/crypto';
import { encodeBase64url } from '../../src/frames/base64url.js';
import { hex, littleEndian } from './hex.js';
import { seededRandom } from './seeded-random.js';

const random = seededRandom('frames');
const a = Identity.fromSeed(random(32));
const b = Identity.fromSeed(random(32));
const nonce = hex(random(32));
const signature = hex(random(64));
const content = random(40);
const limits = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_388_608 };
const json = (frame: unknown): string => JSON.stringify(frame);

/** A text frame and what it says; `content` in hex. */
function reads(name: string, text: string, frame: Record<string, unknown>) {
  return { name, text, frame };
}

/** A text frame that says what it is. */
function plain(frame: Record<string, unknown>) {
  return reads(String(frame.type), json(frame), frame);
}

const message = { type: 'MESSAGE', to: b.publicKey, content: encodeBase64url(content) };
const invalidMessages = [
  ['MESSAGE without to', { ...message, to: undefined }],
  ['MESSAGE to a key of low order', { ...message, to: hex(littleEndian(0n)) }],
  ['MESSAGE to upper case', { ...message, to: b.publicKey.toUpperCase() }],
  ['MESSAGE from a number', { ...message, from: 7 }],
  ['MESSAGE without content', { ...message, content: undefined }],
  ['content with padding', { ...message, content: 'AA==' }],
  ['content in the other alphabet', { ...message, content: '+/+/' }],
  ['content with a space', { ...message, content: 'AA AA' }],
  ['content that is not canonical: bits left over', { ...message, content: 'AB' }],
  ['content of an impossible length', { ...message, content: 'AAAAA' }],
  ['PING without id', { type: 'PING' }],
  ['PING with a fraction', { type: 'PING', id: 0.5 }],
  ['PING with text', { type: 'PING', id: '1' }],
  ['PING below zero', { type: 'PING', id: -1 }],
  ['PONG above 2^53 - 1', { type: 'PONG', id: 2 ** 53 }],
] as const;

function bad(cases: readonly (readonly [string, unknown])[]) {
  return cases.map(([name, frame]) => ({
    name,
    text: typeof frame === 'string' ? frame : json(frame),
    failure: 'bad-frame',
  }));
}

/** The same MESSAGE on all four ways: each end may speak either encoding. */
function carried(name: string, bytes: Uint8Array) {
  const [from, to] = [a.publicKey, b.publicKey];
  return {
    name,
    from,
    to,
    content: hex(bytes),
    toRelay: { binary: `01${to}${hex(bytes)}`, json: json({ type: 'MESSAGE', to, content: encodeBase64url(bytes) }) },
    fromRelay: {
      binary: `01${from}${hex(bytes)}`,
      json: json({ type: 'MESSAGE', to, from, content: encodeBase64url(bytes) }),
    },
  };
}

/** Every frame between client and relay, in both encodings, and malformed ones. */
export function frameVectors() {
  const success = { type: 'REGISTER_SUCCESS', publicKey: a.publicKey, signature, term: 7, limits, keepalive: 15 };
  const undeliverable = { type: 'UNDELIVERABLE', to: b.publicKey, head: hex(content.slice(0, 25)), code: 'offline' };
  const withContent = { type: 'MESSAGE', to: b.publicKey, from: a.publicKey, content: hex(content) };
  return {
    description:
      'PROTOCOL sections 2 and 3. client: text frames that a relay reads; relay: text frames that a client reads (UNKNOWN: ignored). In frame, content is hex. Every invalid one is bad-frame: the relay closes with 4400, a client ignores it once registered. messages: one MESSAGE in both encodings, on its way to the relay and from it.',
    client: {
      valid: [
        plain({
          type: 'CHALLENGE_RESPONSE',
          publicKey: a.publicKey,
          signingKey: a.signingKey,
          host: 'relay.example',
          clientNonce: nonce,
          signedNonce: signature,
          encoding: 'binary',
          lastTerm: 0,
          token: 'a token',
        }),
        reads('MESSAGE', json(message), { type: 'MESSAGE', to: b.publicKey, content: hex(content) }),
        reads('MESSAGE that names its sender', json({ ...message, from: a.publicKey }), withContent),
        reads('MESSAGE without content bytes', json({ ...message, content: '' }), {
          type: 'MESSAGE',
          to: b.publicKey,
          content: '',
        }),
        reads(
          'fields in another order, and unknown ones',
          `{"x":{},"content":"${message.content}","to":"${b.publicKey}","type":"MESSAGE"}`,
          { type: 'MESSAGE', to: b.publicKey, content: hex(content) },
        ),
        plain({ type: 'PING', id: 0 }),
        plain({ type: 'PONG', id: 2 ** 53 - 1 }),
        reads('PING whose id is written with a fraction of zero', '{"type":"PING","id":7.0}', { type: 'PING', id: 7 }),
        reads('PING whose id is written with an exponent', '{"type":"PING","id":1.5E1}', { type: 'PING', id: 15 }),
      ],
      invalid: bad([
        ['not JSON', 'PING'],
        ['a number', '1'],
        ['an array', '[]'],
        ['no type', {}],
        ['an unknown type', { type: 'HELLO' }],
        ["a relay's type", { type: 'PEER_GONE', publicKey: a.publicKey }],
        ...invalidMessages,
      ]),
    },
    relay: {
      valid: [
        plain({ type: 'CHALLENGE', version: 1, nonce, serverKey: a.signingKey }),
        plain(success),
        plain({ ...success, term: 2 ** 48 }),
        plain({ type: 'REGISTER_FAILURE', code: 4401, reason: 'the proof does not hold' }),
        reads('MESSAGE', json({ ...message, from: a.publicKey }), withContent),
        ...['offline', 'congested', 'message-too-large', 'forbidden'].map((code) => plain({ ...undeliverable, code })),
        reads('UNDELIVERABLE of an empty MESSAGE', json({ ...undeliverable, head: '' }), {
          ...undeliverable,
          head: '',
        }),
        plain({ type: 'BACKLOG', to: b.publicKey }),
        plain({ type: 'PEER_GONE', publicKey: b.publicKey }),
        plain({ type: 'PING', id: 12 }),
        plain({ type: 'PONG', id: 0 }),
        plain({ type: 'RESTARTING', reconnectIn: 0, spread: 5_000 }),
        plain({ type: 'ERROR', code: 4400, reason: '' }),
        plain({ type: 'ERROR', code: 4999, reason: '' }),
        plain({ type: 'REGISTER_FAILURE', code: 0, reason: '' }),
        plain({ ...success, keepalive: 0, limits: { maxMessage: 0, messagesPerSecond: 0, bytesPerSecond: 0 } }),
        reads('RESTARTING in other integers', '{"type":"RESTARTING","reconnectIn":2e3,"spread":0.0}', {
          type: 'RESTARTING',
          reconnectIn: 2_000,
          spread: 0,
        }),
        reads('an unknown type', json({ type: 'NEWS', text: 'x' }), { type: 'UNKNOWN' }),
        reads('no type', '{}', { type: 'UNKNOWN' }),
      ],
      invalid: bad([
        ['not JSON', ''],
        ['MESSAGE without from', message],
        ['null', 'null'],
        ['CHALLENGE of version 2', { type: 'CHALLENGE', version: 2, nonce, serverKey: a.signingKey }],
        [
          'CHALLENGE with a short nonce',
          { type: 'CHALLENGE', version: 1, nonce: nonce.slice(2), serverKey: a.signingKey },
        ],
        ['REGISTER_SUCCESS without limits', { ...success, limits: undefined }],
        ['REGISTER_SUCCESS with half the limits', { ...success, limits: { maxMessage: 65_536 } }],
        ['REGISTER_SUCCESS with a term above 2^48', { ...success, term: 2 ** 48 + 1 }],
        ['REGISTER_SUCCESS with term 0', { ...success, term: 0 }],
        ['REGISTER_SUCCESS with keepalive as text', { ...success, keepalive: '15' }],
        ['REGISTER_FAILURE without reason', { type: 'REGISTER_FAILURE', code: 4401 }],
        ['ERROR with a code above 4999', { type: 'ERROR', code: 5_000, reason: '' }],
        ['UNDELIVERABLE with an unknown code', { ...undeliverable, code: 'lost' }],
        ['UNDELIVERABLE with a head of 26 bytes', { ...undeliverable, head: hex(content.slice(0, 26)) }],
        ['UNDELIVERABLE with half a byte', { ...undeliverable, head: 'abc' }],
        ['BACKLOG without a key', { type: 'BACKLOG' }],
        ['BACKLOG for half a key', { type: 'BACKLOG', to: b.publicKey.slice(32) }],
        ['PEER_GONE without a key', { type: 'PEER_GONE' }],
        ['RESTARTING without spread', { type: 'RESTARTING', reconnectIn: 0 }],
        ['RESTARTING in the past', { type: 'RESTARTING', reconnectIn: -1, spread: 0 }],
        ...invalidMessages,
      ]),
    },
    messages: [
      carried('empty', new Uint8Array(0)),
      carried('one byte', Uint8Array.of(0)),
      carried('forty bytes', content),
    ],
    invalidBinary: [
      { name: 'empty', message: '', failure: 'bad-frame' },
      { name: 'half a key', message: `01${a.publicKey.slice(32)}`, failure: 'bad-frame' },
      { name: 'another first byte', message: `02${a.publicKey}00`, failure: 'bad-frame' },
    ],
  };
}
