import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { exportIdentity, fingerprint, Identity, importIdentity, seal, unseal } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { readContacts } from './contacts.js';
import { parseDestination } from './destination.js';
import { type IdentityFlags, identityStore, readIdentity } from './identity.js';
import { askPassphrase, askSecret } from './prompt.js';

export interface PassphraseFlags {
  /** A file whose first line is the passphrase. */
  readonly passphraseFile?: string;
}

export interface ExportFlags extends IdentityFlags, PassphraseFlags {
  /** Whether to export the secret itself, without a passphrase. */
  readonly plain?: boolean;
}

export interface ReplaceFlags extends IdentityFlags {
  /** Whether to overwrite an existing identity. */
  readonly force?: boolean;
}

export interface ImportFlags extends ReplaceFlags, PassphraseFlags {}

/**
 * Reads a passphrase from a file or the environment, or asks the person at the terminal. @throws Error if there is
 * none
 */
async function passphrase({ passphraseFile }: PassphraseFlags, isNew: boolean): Promise<string> {
  if (passphraseFile !== undefined) {
    const [line = ''] = (await readFile(passphraseFile, 'utf8')).split(/\r?\n/, 1);
    if (line === '') throw new Error('the passphrase file is empty');
    return line;
  }
  const given = process.env.SWS_PASSPHRASE;
  return given !== undefined && given !== '' ? given : askPassphrase(isNew);
}

/** Resolves with the address of the identity. */
export async function address(flags: IdentityFlags): Promise<string> {
  return (await readIdentity(flags)).publicKey;
}

/**
 * Resolves with the address as a link. A browser can open it if the relay serves the chat. @throws DOMException for an
 * invalid relay
 */
export async function link(flags: IdentityFlags & { readonly relay: string }): Promise<string> {
  const url = new URL(flags.relay.endsWith('/') ? flags.relay : `${flags.relay}/`);
  return `${url.href.replace(/^ws/, 'http')}${await address(flags)}`;
}

/** Resolves with the identity as one line of text, sealed with a passphrase unless `plain`. */
export async function exportText(flags: ExportFlags): Promise<string> {
  const identity = await readIdentity(flags);
  return flags.plain === true ? exportIdentity(identity) : seal(identity, await passphrase(flags, true), randomBytes);
}

/**
 * Saves the identity in a text from a file, from standard input, or pasted at the terminal.
 * @throws SwsError `identity-text-malformed`, `sealed-malformed`, `wrong-passphrase`; Error if another identity exists
 */
export async function importText(file: string | undefined, flags: ImportFlags): Promise<Identity> {
  const line = (await readExported(file)).trim();
  const identity = line.startsWith('sws-sealed-')
    ? await unseal(line, await passphrase(flags, false))
    : importIdentity(line);
  await save(identity, flags);
  return identity;
}

function readExported(file: string | undefined): Promise<string> {
  if (file !== undefined) return readFile(file, 'utf8');
  return process.stdin.isTTY ? askSecret('Exported identity:') : text(process.stdin);
}

/** Creates and saves a new identity. @throws Error if one exists already */
export async function generate(flags: ReplaceFlags): Promise<Identity> {
  const identity = Identity.generate(randomBytes);
  await save(identity, flags);
  return identity;
}

/** Resolves with the digits to compare with a peer, by address, link or name. @throws SwsError `invalid-address` */
export async function compare(to: string, flags: IdentityFlags): Promise<string> {
  const { peer } = parseDestination(to, 'wss://relay/', await readContacts());
  return fingerprint((await readIdentity(flags)).publicKey, peer);
}

/** Saves an identity. @throws SwsError `identity-in-use`; Error if another identity exists, unless `force` */
async function save(identity: Identity, flags: ReplaceFlags): Promise<void> {
  const store = identityStore(flags);
  let saved = flags.force === true;
  if (saved) await store.replace(identity.exportSeed());
  else
    await store.loadOrCreate(() => {
      saved = true;
      return identity.exportSeed();
    });
  await store.close();
  if (!saved) throw new Error('an identity already exists: back it up with sws export, then replace it with --force');
}
