import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readAddress, SwsError } from '@sws/crypto';
import envPaths from 'env-paths';
import { lock } from 'proper-lockfile';
import { parse, stringify } from 'smol-toml';

/** A peer that has a name here. */
export interface Contact {
  readonly address: string;
  /** The URL of their relay; `null` for the relay that the command names. */
  readonly relay: string | null;
  /** What they may do without a question: `recv`, `listen`, `serve localhost:22`. */
  readonly allow: readonly string[];
}

export type Contacts = ReadonlyMap<string, Contact>;

/** The most contacts. Every command reads them, so a larger file is refused. */
const MAX_CONTACTS = 10_000;
const MAX_NAME = 64;
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$/u;
const RETRIES = { retries: 20, minTimeout: 25, maxTimeout: 250 } as const;

export function contactsPath(): string {
  return join(envPaths('sws', { suffix: '' }).config, 'contacts.toml');
}

/** Checks the name of a contact. @throws SwsError `invalid-name` */
export function checkName(name: string): void {
  if (!NAME.test(name) || name.length > MAX_NAME || /^[0-9a-f]{64}$/i.test(name))
    throw new SwsError(
      'invalid-name',
      `${name} cannot be a name: use at most ${MAX_NAME} letters, digits, dots, dashes and underscores, starting with a letter or digit`,
    );
}

/** Reads the contacts; none if there is no file. @throws SwsError `contacts-damaged` */
export async function readContacts(): Promise<Contacts> {
  const path = contactsPath();
  try {
    return parseContacts(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    if (error instanceof SwsError) throw error;
    throw new SwsError('contacts-damaged', `${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** @throws Error that says what is wrong */
function parseContacts(text: string): Contacts {
  const entries = Object.entries(parse(text));
  if (entries.length > MAX_CONTACTS) throw new Error(`it has more than ${MAX_CONTACTS} contacts`);
  return new Map(
    entries.map(([name, value]) => {
      checkName(name);
      const { address, relay = null, allow = [] } = { ...(value as Readonly<Record<string, unknown>>) };
      if (typeof address !== 'string' || readAddress(address) === null) throw new Error(`${name} has no valid address`);
      if (relay !== null && typeof relay !== 'string') throw new Error(`the relay of ${name} must be a URL`);
      if (!Array.isArray(allow) || !allow.every((one) => typeof one === 'string'))
        throw new Error(`allow of ${name} must be a list of strings`);
      return [name, { address, relay, allow }];
    }),
  );
}

/** Changes the contacts under a lock, so that only one command at a time does. */
export async function changeContacts(change: (contacts: Map<string, Contact>) => void): Promise<void> {
  const path = contactsPath();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const release = await lock(path, { realpath: false, retries: RETRIES });
  const temporary = `${path}.${randomUUID()}`;
  try {
    const contacts = new Map(await readContacts());
    change(contacts);
    const entries = [...contacts].map(([name, { address, relay, allow }]) => [
      name,
      { address, ...(relay === null ? {} : { relay }), ...(allow.length === 0 ? {} : { allow }) },
    ]);
    await writeFile(temporary, `${stringify(Object.fromEntries(entries))}\n`, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
    await release();
  }
}

/** Returns an address for display, after its name if it has one. */
export function calledBy(contacts: Contacts, address: string): string {
  for (const [name, contact] of contacts) if (contact.address === address) return `${name} (${address})`;
  return address;
}
