// The program of an agent. A command starts it with the identity's file as its argument. It loads only what it needs.
import { EXIT } from '../exit-code.js';
import { setV8Flags } from '../v8-flags.js';
import { runAgent } from './agent-process.js';

setV8Flags();
process.exit(await runAgent(process.argv[2] ?? '').catch(() => EXIT.failed));
