// Runs the suite in the Node, Bun or Deno that runs this file: `here.js '<SuiteConfig as JSON>'`. The results are its last line.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileStore, nodeProvider } from '@sws/crypto/node';
import { sodiumProvider } from '@sws/crypto/sodium';
import { runBehaviour } from './behaviour.js';
import { wsServer } from './ws-server.js';

const folder = await mkdtemp(join(tmpdir(), 'sws-runtime-'));
const results = await runBehaviour(JSON.parse(process.argv[2] ?? '{}'), {
  providers: [async () => nodeProvider, sodiumProvider],
  store: () => fileStore(join(folder, 'identity')),
  more: [wsServer],
});
await rm(folder, { recursive: true, force: true });
console.log(JSON.stringify(results));
process.exit(0);
