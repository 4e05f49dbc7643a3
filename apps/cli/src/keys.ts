import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { exportIdentity, fingerprint, Identity, importIdentity, seal, unseal } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type IdentityFlags, identityStore, loadIdentity } from './identity.js';

export interface ExportFlags extends IdentityFlags {
  /** The secret itself, without a passphrase. */
  readonly plain?: boolean;
}

export interface ReplaceFlags extends IdentityFlags {
  /** An identity that is there is lost. */
  readonly force?: boolean;
}

/** Where a passphrase comes from: the environment for scripts, else the person at the terminal. @throws Error where there is neither */
async function passphrase(): Promise<string> {
  const given = process.env.SWS_PASSPHRASE;
  if (given !== undefined && given !== '') return given;
  if (!process.stdin.isTTY) throw new Error('a passphrase is needed: set SWS_PASSPHRASE, or run this in a terminal');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('passphrase (shown as you type): ');
    if (answer === '') throw new Error('the passphrase is empty');
    return answer;
  } finally {
    terminal.close();
  }
}

/** The identity as one line of text, sealed with a passphrase unless `plain`. @throws SwsError `identity-in-use` */
export async function exportText(flags: ExportFlags): Promise<string> {
  const identity = await loadIdentity(flags);
  return flags.plain === true ? exportIdentity(identity) : seal(identity, await passphrase(), randomBytes);
}

/**
 * Saves the identity that a text holds; the text comes from `file`, or from standard input.
 * @throws SwsError `identity-text-malformed`, `sealed-malformed`, `wrong-passphrase`; Error where another identity is there
 */
export async function importText(file: NodeJS.ReadableStream, flags: ReplaceFlags): Promise<Identity> {
  const line = (await text(file)).trim();
  const identity = line.startsWith('sws-sealed-') ? await unseal(line, await passphrase()) : importIdentity(line);
  await save(identity, flags);
  return identity;
}

/** Makes and saves a new identity. @throws Error where one is there already */
export async function generate(flags: ReplaceFlags): Promise<Identity> {
  const identity = Identity.generate(randomBytes);
  await save(identity, flags);
  return identity;
}

/** The digits to compare with the holder of `address`. @throws SwsError `invalid-address`, `low-order-key` */
export async function compare(address: string, flags: IdentityFlags): Promise<string> {
  return fingerprint((await loadIdentity(flags)).publicKey, address);
}

async function save(identity: Identity, flags: ReplaceFlags): Promise<void> {
  const store = identityStore(flags);
  const present = await store.load();
  if (present !== null && flags.force !== true)
    throw new Error('an identity is there already: back it up with sws export, then replace it with --force');
  await store.replace(identity.exportSeed());
  await store.close();
}
