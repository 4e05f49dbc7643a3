// What a page pays for the client: its own code and everything it needs, as a bundler ships it.
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, test } from 'vitest';

/**
 * The goal is 38,000. What is there: tweetnacl 8.2 kB, ML-KEM 5.5, the protocol’s machines 17, the client 7, identities and stores 2.5, a bundler’s shim for CommonJS 0.5.
 * Of the machines, 3.1 kB bound the memory and the work that a hostile peer can cause, and erase secrets.
 * Several endpoints of one identity, policies that answer later, bounded, and typed failures came with 0.8 kB, the protocol’s failures and tables since with as much.
 * Windows and a flight that follow the path (far links) came with 2.2 kB, a start that fills them in a few round trips with 0.2, and with the identity’s tools that the client exports everything has 1.8 kB more.
 * Registrations by Web Crypto, which do not stop the page for 20 ms, came with 0.5 kB.
 * These limits go down, or up by what a well-kept library, a bound on an attacker, the speed of a far link or a page that is not held up costs.
 */
const LIMITS_BYTES = [
  ['{ ClientSecureWebSocket }', 43_560],
  ['*', 47_580],
] as const;
const ENTRY = 'virtual:client';

function isChunk(output: Rolldown.OutputChunk | Rolldown.OutputAsset): output is Rolldown.OutputChunk {
  return output.type === 'chunk';
}

/** The package that a module belongs to. */
function packageOf(id: string): string {
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
  return dependency ?? /\/packages\/([^/]+)\//.exec(id)?.[1]?.replace(/^/, '@sws/') ?? 'bundler';
}

function brotli(code: string): number {
  return brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

/** The chunks of a page that imports the client: those loaded at once, and those loaded on demand. */
async function bundle(imported: string): Promise<{ atOnce: Rolldown.OutputChunk[]; onDemand: Rolldown.OutputChunk[] }> {
  const result = await build({
    root: fileURLToPath(new URL('..', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? id : null),
        load: (id) => (id === ENTRY ? `export ${imported} from '@sws/client';` : null),
      },
    ],
    build: {
      write: false,
      target: 'es2023',
      minify: true,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: ENTRY, preserveEntrySignatures: 'strict' },
    },
  });
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) => ('output' in one ? one.output : []));
  const chunks = outputs.filter(isChunk);
  const names = new Set<string>();
  const follow = (chunk: Rolldown.OutputChunk | undefined): void => {
    if (chunk === undefined || names.has(chunk.fileName)) return;
    names.add(chunk.fileName);
    for (const name of chunk.imports) follow(chunks.find(({ fileName }) => fileName === name));
  };
  follow(chunks.find(({ isEntry }) => isEntry));
  return {
    atOnce: chunks.filter(({ fileName }) => names.has(fileName)),
    onDemand: chunks.filter(({ fileName }) => !names.has(fileName)),
  };
}

test.each(LIMITS_BYTES)(
  '%s of @sws/client, bundled and minified, has at most %i bytes of brotli',
  async (imported, limit) => {
    const { atOnce, onDemand } = await bundle(imported);
    const code = atOnce.map((chunk) => chunk.code).join('\n');
    const size = brotli(code);
    const byPackage = new Map<string, number>();
    for (const chunk of atOnce)
      for (const [id, { renderedLength }] of Object.entries(chunk.modules))
        byPackage.set(packageOf(id), (byPackage.get(packageOf(id)) ?? 0) + renderedLength);
    console.log(`${imported} in a browser: ${code.length} bytes minified, ${size} bytes brotli (at most ${limit})`);
    for (const [name, bytes] of [...byPackage].sort((a, b) => b[1] - a[1]))
      console.log(`  ${String(bytes).padStart(7)} bytes before minification: ${name}`);
    for (const chunk of onDemand) console.log(`  on demand: ${chunk.fileName}, ${brotli(chunk.code)} bytes brotli`);
    expect(size).toBeLessThanOrEqual(limit);
    // Node's transport, the file store and scrypt have no place in a page that only connects.
    for (const name of ['ws', 'env-paths', 'proper-lockfile']) expect([...byPackage.keys()]).not.toContain(name);
    expect(atOnce.flatMap(({ modules }) => Object.keys(modules)).filter((id) => /scrypt|libsodium/.test(id))).toEqual(
      [],
    );
  },
);
