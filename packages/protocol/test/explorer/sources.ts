import { fileURLToPath } from 'node:url';
import { createServer, type Plugin } from 'vite';
import { SOURCE_CONDITIONS } from '../../../../vitest.shared.js';
import { type Mutant, mutate } from '../mutants.js';

/**
 * Limits scaled: a window is two frames, two questions are remembered, and keys are replaced by frames alone and
 * nothing is limited by rate, since a search without end has no clock; for the same reason a flight, which counts by rates and
 * round trips, is one that may hold any frame back for any time, and no array is used for two frames, since worlds
 * share what they keep. Everything else is the code that ships.
 */
const SCALED: readonly Mutant[] = [
  {
    name: 'small windows',
    file: 'channel/payload.ts',
    find: 'MIN_WINDOW_BYTES = 65_536',
    replace: 'MIN_WINDOW_BYTES = 64',
  },
  {
    name: 'few questions',
    file: 'channel/probe.ts',
    find: 'REMEMBERED_QUESTIONS = 8',
    replace: 'REMEMBERED_QUESTIONS = 2',
  },
  {
    name: 'no rekey by age',
    file: 'channel/rekey.ts',
    find: 'REKEY_AFTER_MS = 120_000',
    replace: 'REKEY_AFTER_MS = 1e10',
  },
  {
    name: 'no key grows too old',
    file: 'channel/rekey.ts',
    find: 'MAX_KEY_AGE_MS = 900_000',
    replace: 'MAX_KEY_AGE_MS = 1e10',
  },
  {
    name: 'no rate limit',
    file: 'channel/peer-cache.ts',
    find: 'new TokenBucket(perSecond, perSecond * 2)',
    replace: 'new TokenBucket(1e9, 1e9)',
  },
  {
    name: 'no rate limit for ACCEPT',
    file: 'channel/opening.ts',
    find: 'ACCEPTS_PER_SECOND = 4',
    replace: 'ACCEPTS_PER_SECOND = 1e9',
  },
  {
    name: 'any flight',
    file: 'channel/paths.ts',
    find: "from './flight.js'",
    replace: "from '/test/explorer/any-flight.ts'",
  },
  {
    name: 'few answers',
    file: 'channel/control-queue.ts',
    find: 'MAX_PENDING_ANSWERS = 4',
    replace: 'MAX_PENDING_ANSWERS = 2',
  },
  {
    name: 'bytes that nobody changes',
    file: 'channel/outgoing.ts',
    find: 'this.#spares.push(frame.message);',
    replace: '',
  },
];

/** Loads the real sources with private fields made visible (`#x` is `_x`) and, for a mutant, one line changed. */
export async function loadSources(mutant: Mutant | null = null): Promise<typeof import('../../src/index.js')> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const changes = mutant === null ? SCALED : [...SCALED, mutant];
  const open: Plugin = {
    name: 'open-privates',
    enforce: 'pre',
    transform(code, id) {
      if (!id.startsWith(`${root}src/`)) return null;
      let text = code;
      for (const change of changes) if (id.endsWith(`/src/${change.file}`)) text = mutate(change, text);
      return text.replace(/(?<![\w'"`/])#([a-zA-Z]\w*)/g, '_$1');
    },
  };
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    appType: 'custom',
    server: { middlewareMode: true, watch: null, ws: false, hmr: false },
    optimizeDeps: { noDiscovery: true, include: [] },
    plugins: [open],
    ssr: { resolve: { conditions: SOURCE_CONDITIONS } },
  });
  try {
    return (await server.ssrLoadModule('/src/index.ts')) as typeof import('../../src/index.js');
  } finally {
    await server.close();
  }
}
