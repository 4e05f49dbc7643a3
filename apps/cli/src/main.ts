#!/usr/bin/env node
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type SecureErrorEvent,
  type SecureWebSocket,
  type StateEvent,
} from '@sws/client';
import { parseAddress } from '@sws/crypto';
import { Command } from 'commander';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, loadIdentity } from './identity.js';
import { pipe } from './pipe.js';

const DEFAULT_RELAY = 'ws://127.0.0.1:8787/';

function say(text: string): void {
  console.error(text);
}

/** Ends with a code once output is written. */
function finish(code: number): void {
  process.stdout.write('', () => process.exit(code));
}

async function guarded(action: () => Promise<number>): Promise<void> {
  try {
    finish(await action());
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const hint = code === 'identity-in-use' ? ' Name another with --identity FILE, or use --ephemeral.' : '';
    say(`sws: ${error instanceof Error ? error.message : 'failed'}.${hint}`);
    finish(EXIT.failed);
  }
}

async function listen(flags: IdentityFlags & { relay: string; from?: string[] }): Promise<number> {
  const identity = await loadIdentity(flags);
  for (const key of flags.from ?? []) parseAddress(key);
  let taken = false;
  const endpoint = new Endpoint(flags.relay, {
    identity,
    accept: ({ peer }) => !taken && (flags.from === undefined || flags.from.includes(peer)),
  });
  const connected = new Promise<SecureWebSocket>((resolve, reject) => {
    endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
      if (taken) return socket.close(1013);
      taken = true;
      resolve(socket);
    });
    endpoint.addEventListener('state', ({ state, failure }: StateEvent) => {
      if (state === 'registered')
        say(`listening as ${identity.publicKey}\nconnect with: sws connect ${endpoint.url}${identity.publicKey}`);
      if (state === 'reconnecting') say(`reconnecting (${failure?.code})`);
      if (state === 'down') reject(new Error(`the relay refused: ${failure?.detail}`));
    });
  });
  const code = await pipe(await connected);
  await endpoint.close();
  return code;
}

async function connect(url: string, flags: IdentityFlags & { wait: string }): Promise<number> {
  const identity = await loadIdentity(flags);
  const socket = new ClientSecureWebSocket(url, [], { identity, waitForPeerMs: Number(flags.wait) * 1000 });
  const failure = await new Promise<SecureErrorEvent | null>((resolve) => {
    socket.addEventListener('open', () => resolve(null), { once: true });
    socket.addEventListener('error', (event) => resolve(event as SecureErrorEvent), { once: true });
  });
  if (failure !== null) {
    say(`sws: could not connect (${failure.code}: ${failure.message})`);
    return EXIT.failed;
  }
  const code = await pipe(socket);
  // The last acknowledgements are still on their way out.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return code;
}

const withIdentity = (command: Command): Command =>
  command
    .option('--identity <file>', 'use the identity in this file, created if there is none')
    .option('--ephemeral', 'use a new identity for this run alone');

const program = new Command('sws')
  .description('Talk to a public key from a terminal, end to end encrypted through a relay.')
  .addHelpText(
    'after',
    '\nExit codes: 0 all was delivered and the connection closed cleanly; 1 it could not be made; 2 not all was delivered.',
  );
withIdentity(program.command('id').description('print your address')).action((flags: IdentityFlags) =>
  guarded(async () => {
    console.log((await loadIdentity(flags)).publicKey);
    return EXIT.delivered;
  }),
);
withIdentity(program.command('listen').description('wait for one connection and join it to standard input and output'))
  .option('--relay <url>', 'the relay', DEFAULT_RELAY)
  .option('--from <address...>', 'accept these keys only')
  .action((flags: IdentityFlags & { relay: string; from?: string[] }) => guarded(() => listen(flags)));
withIdentity(
  program
    .command('connect')
    .description('connect to wss://relay/<address> and join it to standard input and output')
    .argument('<url>'),
)
  .option('--wait <seconds>', 'how long to wait for an absent peer', '0')
  .action((url: string, flags: IdentityFlags & { wait: string }) => guarded(() => connect(url, flags)));
await program.parseAsync();
