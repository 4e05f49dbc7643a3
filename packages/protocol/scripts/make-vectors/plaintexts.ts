import { type Control, encodeControl } from '../../src/channel/control.js';
import { encodeData, encodeItems, type Opcode } from '../../src/channel/data.js';
import { paddedLength, padme } from '../../src/channel/padding.js';
import { encodePayload } from '../../src/channel/payload.js';
import { hex, unhex, utf8 } from './hex.js';
import { itemOf } from './recorder.js';

/** What stands inside the boxes: padding, DATA and CONTROL plaintexts, payloads. */
export function plaintextVectors() {
  const data = (
    name: string,
    opcode: Opcode,
    fin: boolean,
    bytes: Uint8Array,
    padding: 'padme' | 'none' = 'padme',
  ) => ({
    name,
    opcode,
    fin,
    bytes: hex(bytes),
    padding,
    plaintext: hex(encodeData(opcode, fin, bytes, padding)),
  });
  const together = (
    name: string,
    messages: readonly { readonly text?: string; readonly binary?: string }[],
    padding: 'padme' | 'none' = 'padme',
  ) => {
    const items = messages.map(({ text, binary = '' }) => itemOf(text ?? unhex(binary)));
    return { name, messages, padding, plaintext: hex(encodeItems(items, padding)) };
  };
  const control = (control: Control) => ({ ...control, plaintext: hex(encodeControl(control)) });
  const u64 = (value: bigint): string => value.toString(16).padStart(16, '0');
  const refused = (name: string, plaintext: string, zeros = 0) => ({
    name,
    plaintext,
    ...(zeros === 0 ? {} : { zeros }),
    failure: 'protocol-error',
  });
  const open = { resource: '/', protocols: [] as string[], limit: 1_048_576 };
  const padded = (text: string): string => hex(utf8(text.padEnd(256)));
  return {
    description:
      'PROTOCOL section 4. padding: Padmé and the padded length of a DATA plaintext whose items have `length` bytes. data, control: plaintexts; together: whole messages that share a DATA; largest: what must still be taken;  zeros counts zero bytes to add behind plaintext. payloads: OPEN and ACCEPT as they are written; read: OPENs that another program may write; an invalid one makes the frame count as one that does not open.',
    padding: [
      1, 2, 3, 5, 8, 9, 31, 32, 33, 63, 64, 65, 100, 127, 129, 255, 257, 1_000, 1_025, 4_095, 10_000, 61_445, 65_535,
      1_000_000,
    ].map((length) => ({ length, padme: padme(length), padded: paddedLength(length, 'padme') })),
    data: {
      valid: [
        data('text', 1, true, utf8('hello')),
        data('an empty text', 1, true, new Uint8Array(0)),
        data(
          'binary',
          2,
          true,
          Uint8Array.from({ length: 100 }, (_, i) => i),
        ),
        data('a first fragment', 2, false, Uint8Array.of(1, 2, 3)),
        data('a middle fragment', 0, false, Uint8Array.of(4)),
        data('a last fragment', 0, true, new Uint8Array(0)),
        data('rekey', 3, true, new Uint8Array(32).fill(9)),
        data('rekeyed', 4, true, new Uint8Array(0)),
        data('close, empty', 8, true, new Uint8Array(0)),
        data('close 4000 with a reason', 8, true, Uint8Array.of(0x0f, 0xa0, 0x62, 0x79, 0x65)),
        data('text, not padded', 1, true, utf8('hello'), 'none'),
        data('nothing, not padded', 2, true, new Uint8Array(0), 'none'),
      ],
      together: [
        together('two texts', [{ text: 'hello' }, { text: 'again' }]),
        together('a text and a binary message', [{ text: 'ü' }, { binary: '00ff' }]),
        together('three empty messages', [{ text: '' }, { binary: '' }, { text: '' }]),
        together('an empty last one, and padding', [{ binary: '01'.repeat(40) }, { text: '' }]),
        together('not padded', [{ text: 'a' }, { text: 'b' }], 'none'),
      ],
      largest: [
        { name: 'a fragment of 61,440 bytes', plaintext: '020000f000', zeros: 61_440, items: 1 },
        { name: 'a message of 61,440 bytes', plaintext: '820000f000', zeros: 61_440, items: 1 },
        {
          name: 'two messages whose items have 61,445 bytes together',
          plaintext: '8200000001ff820000effa',
          zeros: 61_434,
          items: 2,
        },
      ],
      invalid: [
        refused('empty', ''),
        refused('four bytes', '81000000'),
        refused('opcode 5', '8500000000'),
        refused('opcode 9, a ping of RFC 6455', '8900000000'),
        refused('opcode 0x7f', 'ff00000000'),
        refused('a reserved bit', 'c100000000'),
        refused('rekey without FIN', `0300000020${'09'.repeat(32)}`),
        refused('rekeyed without FIN', '0400000000'),
        refused('close without FIN', '0800000000'),
        refused('a length past the end', '8100000002ff'),
        refused('a length of 2^32 - 1', '81ffffffff'),
        refused('padding that is not zero', '8100000001610001'),
        refused('padding whose last byte is not zero', `8100000000${'00'.repeat(26)}80`),
        refused('an empty first fragment', '0100000000', 27),
        refused('an empty middle fragment', '0000000000', 27),
        refused('a fragment of 61,441 bytes', '820000f001', 61_441),
        refused('a message after a fragment', '010000000161810000000162'),
        refused('a message after a close', '8800000000810000000162'),
        refused('a message after rekeyed', '8400000000810000000162'),
        refused('a message after the last fragment of another', '8000000001618100000001'.concat('62')),
        refused('a fragment after a message', '810000000161010000000162'),
        refused('a close after a message', '8100000001618800000000'),
        refused('a rekeyed after a message', '8100000001618400000000'),
        refused('opcode 5 after a message', '8100000001618500000000'),
        refused('a continuation after a message', '810000000161800000000162'),
        refused('four bytes after a message', '81000000016181000000'),
        refused('a length past the end after a message', '810000000161810000000262'),
        refused('two messages, and padding that is not zero', '810000000161810000000162000001'),
        refused('zeros alone', '', 32),
        refused('a message after the padding', '81000000016100810000000162'),
        refused('two messages whose items have 61,446 bytes together', '8200000001ff820000effb', 61_435),
      ],
    },
    control: {
      valid: [
        control({ type: 1, next: 0, limit: 1_048_576, id: 0 }),
        control({ type: 1, next: 5, limit: 65_536, id: 77 }),
        control({ type: 2, next: 1, limit: 2 ** 40, id: 1 }),
        control({ type: 3, next: 2 ** 32, limit: 2 ** 53 - 1, id: 2 ** 48 }),
        control({ type: 4, next: 2 ** 53 - 1, limit: 0, id: 2 ** 53 - 1 }),
      ],
      invalid: [
        refused('24 bytes', `01${'00'.repeat(23)}`),
        refused('26 bytes', `01${'00'.repeat(25)}`),
        refused('type 0', `00${'00'.repeat(24)}`),
        refused('type 5', `05${u64(0n)}${u64(0n)}${u64(1n)}`),
        refused('PING without id', `03${u64(0n)}${u64(0n)}${u64(0n)}`),
        refused('RESUME without id', `02${u64(0n)}${u64(0n)}${u64(0n)}`),
        refused('PONG without id', `04${u64(0n)}${u64(0n)}${u64(0n)}`),
        refused('next = 2^53', `01${u64(2n ** 53n)}${u64(0n)}${u64(0n)}`),
        refused('limit = 2^53', `01${u64(0n)}${u64(2n ** 53n)}${u64(0n)}`),
        refused('id = 2^64 - 1', `03${u64(0n)}${u64(0n)}${u64(2n ** 64n - 1n)}`),
      ],
    },
    payloads: {
      open: [
        open,
        { resource: '/room?x=1', protocols: ['chat.v2', 'chat.v1'], limit: 65_536 },
        { resource: '/a//b/.c?../', protocols: ['a', 'b'], limit: 65_536 },
        { resource: `/${'%C3%A9'.repeat(100)}?q=[|]'`, protocols: [], limit: 2 ** 53 - 1 },
      ].map((payload) => ({ payload, plaintext: hex(encodePayload(payload)) })),
      accept: [
        { protocol: '', limit: 1_048_576 },
        { protocol: 'chat.v1', limit: 65_536 },
      ].map((payload) => ({ payload, plaintext: hex(encodePayload(payload)) })),
      read: [
        {
          name: 'fields in another order, one that is unknown, an integer with a fraction of zero, more spaces',
          plaintext: hex(utf8('{"x":[],"limit":65536.0,"protocols":["a"],"resource":"/"}'.padEnd(300))),
          payload: { resource: '/', protocols: ['a'], limit: 65_536 },
        },
        {
          name: 'an integer with an exponent',
          plaintext: padded('{"resource":"/","protocols":[],"limit":7e4}'),
          payload: { ...open, limit: 70_000 },
        },
      ],
      invalidOpen: [
        { name: 'not JSON', plaintext: padded('hello') },
        { name: 'an array', plaintext: padded('[]') },
        { name: 'not UTF-8', plaintext: `ff${'20'.repeat(255)}` },
        { name: 'zeros behind instead of spaces', plaintext: hex(utf8(JSON.stringify(open))).padEnd(512, '0') },
        { name: 'no resource', plaintext: padded(JSON.stringify({ ...open, resource: undefined })) },
        { name: 'no protocols', plaintext: padded(JSON.stringify({ ...open, protocols: undefined })) },
        { name: 'a protocol that is a number', plaintext: padded(JSON.stringify({ ...open, protocols: [1] })) },
        { name: 'a limit of 65,535', plaintext: padded(JSON.stringify({ ...open, limit: 65_535 })) },
        { name: 'a limit of 2^53', plaintext: padded(JSON.stringify({ ...open, limit: 2 ** 53 })) },
        { name: 'a limit that is no integer', plaintext: padded(JSON.stringify({ ...open, limit: 65_536.5 })) },
        ...[
          '',
          'room',
          '../..',
          'http://evil.example/',
          '//evil.example/',
          '/a/../b',
          '/..',
          '/%2e%2E/a',
          '/a/.',
          '/a b',
          '/a\r\nset-cookie: x',
          '/\u001b[2J',
          '/é',
          '/a#b',
          '/a"b',
          '/a\u0000',
          '/a\u007f',
        ].map((resource) => ({
          name: `resource ${JSON.stringify(resource)}`,
          plaintext: padded(JSON.stringify({ ...open, resource })),
        })),
        ...[['a b'], [''], ['a', 'A'], ['a,b'], ['a\r\n'], ['é']].map((protocols) => ({
          name: `protocols ${JSON.stringify(protocols)}`,
          plaintext: padded(JSON.stringify({ ...open, protocols })),
        })),
      ],
      invalidAccept: [
        { name: 'no protocol', plaintext: padded('{"limit":65536}') },
        { name: 'a limit of 0', plaintext: padded('{"protocol":"","limit":0}') },
        { name: 'a protocol that is no token', plaintext: padded('{"protocol":"a b","limit":65536}') },
      ],
    },
  };
}
