#!/usr/bin/env node
import { join } from 'node:path';
import { Identity } from '@sws/crypto';
import { fileStore } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { Command, InvalidArgumentError } from 'commander';
import envPaths from 'env-paths';
import { pino } from 'pino';
import { startRelay } from './relay.js';

interface Flags {
  readonly port: number;
  readonly host?: string;
  readonly hosts?: string[];
  readonly identity: string;
  readonly chat: boolean;
  readonly logLevel: string;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('a port is a whole number from 0 to 65535');
  return value;
}

const program = new Command('sws-relay')
  .description('An SWS relay: routes sealed messages between public keys, and serves the chat page.')
  .option('--port <number>', 'where to listen; 0 for any free port', port, 8787)
  .option('--host <address>', 'the interface to listen on (default: 127.0.0.1; with --hosts, all)')
  .option(
    '--hosts <name...>',
    'the names that clients dial, as in relay.example or relay.example:8443 (default: loopback names)',
  )
  .option(
    '--identity <file>',
    "the relay's own identity, created on first use",
    join(envPaths('sws', { suffix: '' }).config, 'relay-identity'),
  )
  .option('--no-chat', 'do not serve the chat page')
  .option('--log-level <level>', 'trace, debug, info, warn, error or silent', 'warn')
  .parse();
const flags = program.opts<Flags>();
const log = pino({ level: flags.logLevel }, pino.destination(2));

/** The relay's identity; in a second relay on one machine, one for this run alone. */
async function loadIdentity(): Promise<Identity> {
  try {
    const seed = await fileStore(flags.identity).loadOrCreate(() => randomBytes(32));
    return Identity.fromSeed(seed);
  } catch (error) {
    log.warn(
      { error: error instanceof Error ? error.message : 'unknown' },
      'the identity file can not be used: a new identity for this run',
    );
    return Identity.generate(randomBytes);
  }
}

try {
  const { host, hosts } = flags;
  const relay = await startRelay({
    port: flags.port,
    ...(host === undefined ? {} : { host }),
    ...(hosts === undefined ? {} : { hosts }),
    identity: await loadIdentity(),
    chat: flags.chat,
    onEvent: ({ type, key }) => log.info({ key }, type),
  });
  console.log(`SWS relay listening on ${relay.url}`);
  console.log(`Server key (to pin this relay): ${relay.serverKey}`);
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info('draining');
    relay.drain({ spreadMs: 2_000, deadlineMs: 3_000 }).then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  console.error(`sws-relay: ${error instanceof Error ? error.message : 'could not start'}`);
  process.exit(1);
}
