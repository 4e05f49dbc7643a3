import { Command } from 'commander';
import { type ConnectedKey, disconnect, listConnections } from './admin-socket.js';
import { IdentityFile } from './identity-file.js';
import { serve } from './serve.js';
import { flagsOf, withSettings } from './settings/command-line.js';
import { loadSettings } from './settings/load.js';
import type { Settings } from './settings/schema.js';
import { VERSION } from './version.js';

const warnings: string[] = [];
const settingsOf = (command: Command): Settings =>
  loadSettings(flagsOf(command), process.env, (message) => warnings.push(message));

const program = withSettings(new Command('sws-relay'))
  .description('An SWS relay: routes sealed messages between public keys, and serves the chat page.')
  .version(VERSION)
  .allowExcessArguments(false)
  .action(async () => serve(settingsOf(program), warnings, () => settingsOf(program)));

const adminSocket = (): string => {
  const { admin } = settingsOf(program);
  if (admin === null) throw new Error('--admin FILE (or SWS_ADMIN) must name the socket of the running relay');
  return admin;
};
program
  .command('connections')
  .description('list the keys that are connected to the relay of --admin, busiest first')
  .argument('[prefix]', 'list only keys that begin with this', '')
  .option('--json', 'print JSON, one object a line')
  .action(async (prefix: string, { json = false }: { json?: boolean }) => {
    const found = await listConnections(adminSocket(), prefix.toLowerCase());
    found.sort((a, b) => b.receivedBytes - a.receivedBytes);
    for (const one of found) console.log(json ? JSON.stringify(one) : lineOf(one));
  });
program
  .command('disconnect')
  .description('disconnect a key (4403): its client does not reconnect by itself; use --allow to keep it out')
  .argument('<key>', '64 hex digits')
  .action(async (key: string) => {
    if (!(await disconnect(adminSocket(), key))) throw new Error('this key is not connected to this relay');
  });

function lineOf({ key, address, seconds, receivedMessages, receivedBytes, sentMessages }: ConnectedKey): string {
  const counts = `${receivedMessages} messages in (${receivedBytes} bytes), ${sentMessages} out`;
  return `${key}  ${address ?? '?'}  ${seconds} s  ${counts}`;
}

const identity = program
  .command('identity')
  .description("manage the relay's own identity, the key that clients pin with `serverKey`");
const identityFile = (): IdentityFile => new IdentityFile(settingsOf(program).identity);
identity
  .command('show')
  .description('print its server key; create the identity if there is none')
  .action(async () => console.log((await identityFile().loadOrCreate()).signingKey));
identity
  .command('prepare')
  .description('create the next identity and print its server key, so that clients can pin it in time')
  .action(async () => console.log((await identityFile().prepare()).signingKey));
identity
  .command('rotate')
  .description('use the prepared identity, or a new one, from the next start; keep the old one as FILE.previous')
  .action(async () => {
    const { old, present } = await identityFile().rotate();
    if (old !== null) console.log(`Old server key: ${old.signingKey}`);
    console.log(`New server key: ${present.signingKey}`);
    console.error('Restart the relay to use it. Clients that pin the old key must pin the new one to connect again.');
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`sws-relay: ${error instanceof Error ? error.message : 'could not start'}`);
  process.exit(1);
}
