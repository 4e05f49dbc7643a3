import { concatBytes, type Identity, naclProvider as provider } from '@sws/crypto';
import { deriveHandshake, drawInputs, type HandshakeInputs } from './derivation.js';
import { flipped, hex, hexOf, littleEndian, utf8 } from './hex.js';
import { seededRandom } from './seeded-random.js';

const EA_AT = 17;
const EK_AT = EA_AT + 32;
const OPEN_BOX_AT = EK_AT + 1_184;
const CT_AT = EA_AT + 32;
const ACCEPT_BOX_AT = CT_AT + 1_088;

export function writeInputs(inputs: HandshakeInputs) {
  const { initiator, responder, channelId, ea, kemSeed, eb, kemRandom, open, accept } = inputs;
  return {
    initiatorSeed: hex(initiator.exportSeed()),
    responderSeed: hex(responder.exportSeed()),
    channelId: hex(channelId),
    eaSecret: hex(ea),
    kemSeed: hex(kemSeed),
    ebSecret: hex(eb),
    kemRandom: hex(kemRandom),
    open,
    accept,
  };
}

function written(name: string, inputs: HandshakeInputs) {
  const { openFrame, acceptFrame, keys, ...values } = deriveHandshake(inputs);
  return {
    name,
    ...writeInputs(inputs),
    ...hexOf(values),
    openFrame: hex(openFrame),
    acceptFrame: hex(acceptFrame),
    keys: hexOf({ ...keys }),
  };
}

/** An OPEN whose payload is given as bytes, sealed as it should be. */
function openWith(inputs: HandshakeInputs, plaintext: Uint8Array, Ea: Uint8Array, ek: Uint8Array, es: Uint8Array) {
  const { h0, ss } = deriveHandshake(inputs);
  const h1 = provider.sha512(concatBytes(h0, Ea, ek));
  const key = provider.hkdf(h1, concatBytes(es, ss), utf8('open'), 32);
  const box = provider.secretboxSeal(key, new Uint8Array(24), plaintext);
  return concatBytes(Uint8Array.of(1), inputs.channelId, Ea, ek, box);
}

/** An ACCEPT whose payload is given as bytes, sealed as it should be. */
function acceptWith(inputs: HandshakeInputs, plaintext: Uint8Array, Eb: Uint8Array, ee: Uint8Array, se: Uint8Array) {
  const { h2, ct, es, ss, K } = deriveHandshake(inputs);
  const h3 = provider.sha512(concatBytes(h2, Eb, ct));
  const key = provider.hkdf(h3, concatBytes(es, ss, ee, se, K), utf8('accept'), 32);
  const box = provider.secretboxSeal(key, new Uint8Array(24), plaintext);
  return concatBytes(Uint8Array.of(2), inputs.channelId, Eb, ct, box);
}

function invalidOpens(inputs: HandshakeInputs, stranger: Identity) {
  const { openFrame, Ea, ek, es } = deriveHandshake(inputs);
  const spaces = (value: unknown): Uint8Array => utf8(JSON.stringify(value).padEnd(256));
  const zero = littleEndian(0n);
  const badKey = ek.slice();
  badKey[0] = 0xff;
  badKey[1] = (badKey[1] ?? 0) | 0x0f;
  const payload = { ...inputs.open };
  const other = deriveHandshake({ ...inputs, initiator: stranger }).openFrame;
  return [
    ['one bit of the channelId', flipped(openFrame, 1)],
    ['one bit of Ea', flipped(openFrame, EA_AT)],
    ['one bit of ek', flipped(openFrame, EK_AT + 700)],
    ['one bit of the box', flipped(openFrame, OPEN_BOX_AT)],
    ['a byte short', openFrame.slice(0, -1)],
    ['a byte more', concatBytes(openFrame, Uint8Array.of(0))],
    ['no box', openFrame.slice(0, OPEN_BOX_AT)],
    ['a payload of 255 bytes', openWith(inputs, spaces(payload).slice(0, 255), Ea, ek, es)],
    ['a payload of 4,097 bytes', openWith(inputs, utf8(JSON.stringify(payload).padEnd(4_097)), Ea, ek, es)],
    ["another identity's", other],
    ['Ea of low order: es is all zero', openWith(inputs, spaces(payload), zero, ek, zero)],
    ['ek that fails the input check', openWith(inputs, spaces(payload), Ea, badKey, es)],
    ['a limit below 65,536', openWith(inputs, spaces({ ...payload, limit: 65_535 }), Ea, ek, es)],
    ['a payload that is not JSON', openWith(inputs, new Uint8Array(256).fill(0x20), Ea, ek, es)],
  ].map(([name, frame]) => ({ name, openFrame: hex(frame as Uint8Array), failure: 'dropped' }));
}

function invalidAccepts(inputs: HandshakeInputs, other: HandshakeInputs) {
  const { acceptFrame, Eb, ee, se } = deriveHandshake(inputs);
  const spaces = (value: unknown): Uint8Array => utf8(JSON.stringify(value).padEnd(256));
  const zero = littleEndian(0n);
  const moved = deriveHandshake({ ...other, initiator: inputs.initiator, channelId: inputs.channelId }).acceptFrame;
  return [
    ['one bit of Eb', flipped(acceptFrame, EA_AT), 'dropped'],
    ['one bit of ct: K is another', flipped(acceptFrame, CT_AT + 500), 'dropped'],
    ['one bit of the box', flipped(acceptFrame, ACCEPT_BOX_AT), 'dropped'],
    ['a byte short', acceptFrame.slice(0, -1), 'dropped'],
    ['no box', acceptFrame.slice(0, ACCEPT_BOX_AT), 'dropped'],
    ['one for another OPEN', moved, 'dropped'],
    ['Eb of low order: ee and se are all zero', acceptWith(inputs, spaces(inputs.accept), zero, zero, zero), 'dropped'],
    ['a limit below 65,536', acceptWith(inputs, spaces({ protocol: '', limit: 1 }), Eb, ee, se), 'dropped'],
    [
      'a subprotocol that was not offered',
      acceptWith(inputs, spaces({ protocol: 'other', limit: 65_536 }), Eb, ee, se),
      'handshake-failed',
    ],
  ].map(([name, frame, failure]) => ({ name, acceptFrame: hex(frame as Uint8Array), failure }));
}

/** Handshakes with every value in them, and OPENs and ACCEPTs that must not pass. */
export function handshakeVectors() {
  const draw = (name: string, open: HandshakeInputs['open'], accept: HandshakeInputs['accept']) =>
    drawInputs(seededRandom(`handshake ${name}`), open, accept);
  const plain = draw('plain', { resource: '/', protocols: [], limit: 1_048_576 }, { protocol: '', limit: 1_048_576 });
  const chosen = draw(
    'chosen',
    { resource: '/room?x=1', protocols: ['chat.v2', 'chat.v1'], limit: 65_536 },
    { protocol: 'chat.v1', limit: 2_097_152 },
  );
  const long = draw(
    'long',
    { resource: `/${'a/long/path/'.repeat(90)}`, protocols: [], limit: 1_048_576 },
    { protocol: '', limit: 65_536 },
  );
  return {
    description:
      'PROTOCOL section 4, Handshake. A initiator, B responder. Inputs: both seeds, channelId, eaSecret and ebSecret (the secrets of Ea and Eb; no two names here differ in case alone), kemSeed (d || z of the initiator’s ML-KEM-768 key), kemRandom (m of the encapsulation; ct and K are given, for libraries that draw their own). openFrame and acceptFrame are contents of MESSAGEs. invalid: frames for the handshake `of`; dropped means that the frame is counted and ignored; handshake-failed, that the attempt ends and RESET 2 answers the ACCEPT.',
    valid: [
      written('without subprotocols', plain),
      written('a subprotocol and a resource', chosen),
      written('a long resource', long),
    ],
    invalid: {
      of: 'a subprotocol and a resource',
      open: invalidOpens(chosen, plain.initiator),
      accept: invalidAccepts(chosen, plain),
    },
  };
}
