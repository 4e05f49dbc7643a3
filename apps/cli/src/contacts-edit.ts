import { fingerprint, SwsError } from '@sws/crypto';
import { type JsonFlags, print } from './command-line.js';
import { changeContacts, checkName, readContacts } from './contacts.js';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, readIdentity } from './identity.js';

/** Stands for the relay of an address that is given without one. */
const NO_RELAY = 'none:/';

export interface AddFlags extends IdentityFlags, JsonFlags {
  readonly force?: boolean;
}

/** Prints every contact; resolves with the exit code. */
export async function listContacts({ json }: JsonFlags): Promise<number> {
  for (const [name, contact] of await readContacts()) {
    const { address, relay, allow } = contact;
    const may = allow.length === 0 ? '' : `\n  may: ${allow.join(', ')}`;
    console.log(json === true ? JSON.stringify({ name, ...contact }) : `${name}\t${relay ?? ''}${address}${may}`);
  }
  return EXIT.delivered;
}

/**
 * Gives an address a name, and prints the digits to compare; resolves with the exit code. @throws SwsError
 * `invalid-name`, `invalid-address`, `name-taken`
 */
export async function addContact(name: string, link: string, flags: AddFlags): Promise<number> {
  checkName(name);
  const { publicKey } = await readIdentity(flags);
  const { relay, peer } = parseDestination(link, NO_RELAY, await readContacts());
  await changeContacts((contacts) => {
    const before = contacts.get(name);
    if (before !== undefined && before.address !== peer && flags.force !== true)
      throw new SwsError('name-taken', `${name} is ${before.address}: replace it with --force`);
    const allow = before?.address === peer ? before.allow : [];
    contacts.set(name, { address: peer, relay: relay === NO_RELAY ? null : relay, allow });
  });
  const digits = fingerprint(publicKey, peer);
  if (flags.json === true) console.log(JSON.stringify({ name, address: peer, fingerprint: digits }));
  else
    console.log(
      `${name} is ${peer}\nfingerprint ${digits}\nThey print the same digits with: sws fingerprint ${publicKey}`,
    );
  return EXIT.delivered;
}

/** Forgets a name; resolves with the exit code. @throws SwsError `unknown-name` */
export async function removeContact(name: string, flags: JsonFlags): Promise<number> {
  await changeContacts((contacts) => {
    if (!contacts.delete(name)) throw new SwsError('unknown-name', `there is no contact ${name}`);
  });
  return print(flags, 'removed', name);
}
