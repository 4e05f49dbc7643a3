// Measures sealing and opening a frame with each crypto provider, and with the ciphers that TLS uses:
// `pnpm bench seal [--quick]`.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { randomBytes } from '@sws/crypto/platform';
import { Comparison } from '../comparison.js';
import { PROVIDER_NAMES, providerNamed } from '../providers.js';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 2 : 9;
const TAG_BYTES = 16;
/** The last size is the most that one DATA frame carries (PROTOCOL §4). */
const sizes = [
  { row: '64 B', bytes: 64, frames: 20_000 },
  { row: '1 KiB', bytes: 1_024, frames: 10_000 },
  { row: '16 KiB', bytes: 16_384, frames: 1_000 },
  { row: '60 KiB', bytes: 61_440, frames: 300 },
];

interface Sealer {
  readonly name: string;
  seal(plaintext: Uint8Array): Uint8Array;
  open(box: Uint8Array): Uint8Array | null;
}

const key = randomBytes(32);
const nonce = randomBytes(24);
const sealers: Sealer[] = [];
for (const name of [...PROVIDER_NAMES, 'wasm']) {
  // The default provider seals as one of the others does.
  if (name === 'default') continue;
  const provider = await providerNamed(name);
  sealers.push({
    name: name === 'nacl' ? 'nacl, node' : provider.name,
    seal: (plaintext) => provider.secretboxSeal(key, nonce, plaintext),
    open: (box) => provider.secretboxOpen(key, nonce, box),
  });
}
const agreeing = sealers.length;
for (const [cipher, name] of [
  ['chacha20-poly1305', 'ChaCha20-Poly1305 (OpenSSL)'],
  ['aes-256-gcm', 'AES-256-GCM (OpenSSL)'],
] as const) {
  const iv = nonce.subarray(0, 12);
  const options = { authTagLength: TAG_BYTES };
  sealers.push({
    name,
    seal(plaintext) {
      const sealing = createCipheriv(cipher as 'aes-256-gcm', key, iv, options);
      return Buffer.concat([sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]);
    },
    open(box) {
      const opening = createDecipheriv(cipher as 'aes-256-gcm', key, iv, options);
      opening.setAuthTag(box.subarray(box.length - TAG_BYTES));
      return Buffer.concat([opening.update(box.subarray(0, box.length - TAG_BYTES)), opening.final()]);
    },
  });
}

const comparison = new Comparison({ name: 'seal', title: 'Sealing and opening a frame', unit: 'µs of CPU per frame' });
for (const { row, bytes, frames } of sizes) {
  const plaintext = randomBytes(bytes);
  const boxes = sealers.map(({ seal }) => seal(plaintext));
  boxes.forEach((box, i) => {
    const { open, name } = sealers[i] ?? {};
    if (i < agreeing && Buffer.compare(box, boxes[0] ?? box) !== 0) throw new Error(`${name} seals otherwise`);
    if (Buffer.compare(open?.(box) ?? Buffer.alloc(0), plaintext) !== 0) throw new Error(`${name} does not open`);
  });
  const count = quick ? Math.ceil(frames / 10) : frames;
  const measure = ({ seal, open }: Sealer): number => {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) if (open(seal(plaintext)) === null) throw new Error('a box does not open');
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  for (const sealer of sealers) measure(sealer);
  for (let turn = 0; turn < TURNS; turn++)
    for (const sealer of sealers) comparison.add(row, sealer.name, measure(sealer));
}
for (const { row } of sizes)
  for (const name of ['sodium-native', 'wasm']) comparison.ratio([row, name], [row, 'nacl, node']);
comparison.note(
  'A sample seals one frame and opens it. All providers give the same bytes; this is checked before the clock starts. `node` seals with nacl’s code.',
);
comparison.finish(!quick);
