import { brokenChannelVectors } from './broken-channels.js';
import { channelVectors } from './channels.js';
import { creditVectors } from './credit.js';
import { frameVectors } from './frames.js';
import { handshakeVectors } from './handshakes.js';
import { identityVectors } from './identities.js';
import { plaintextVectors } from './plaintexts.js';
import { primitiveVectors } from './primitives.js';
import { registrationVectors } from './registration.js';
import { resetVectors } from './resets.js';
import { signatureVectors } from './signatures.js';

/** Every file of `vectors/`: its name and its text, the same in every run. */
export function vectorFiles(): Record<string, string> {
  const files = {
    'identities.json': identityVectors(),
    'signatures.json': signatureVectors(),
    'primitives.json': primitiveVectors(),
    'registration.json': registrationVectors(),
    'frames.json': frameVectors(),
    'plaintexts.json': plaintextVectors(),
    'handshakes.json': handshakeVectors(),
    'channels.json': channelVectors(),
    'broken-channels.json': brokenChannelVectors(),
    'credit.json': creditVectors(),
    'resets.json': resetVectors(),
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, vectors]) => [name, `${JSON.stringify(vectors, null, 1)}\n`]),
  );
}
