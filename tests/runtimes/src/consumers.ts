// What bundlers and frameworks make of the packed packages, installed by npm: each builds a program that talks to a relay.
import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@sws/testing/free-port';
import type { Host } from './host.js';
import type { CaseResult } from './suite.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PACKAGES = ['crypto', 'protocol', 'client'];
const STEP_MS = 600_000;

/** A program that prints its address once it is registered. */
const PROGRAM = `import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
export async function register(relay) {
  const endpoint = new Endpoint(relay, { identity: Identity.generate(randomBytes) });
  try {
    return await endpoint.registered;
  } finally {
    await endpoint.close();
  }
}
`;
const ADDRESS = /^[0-9a-f]{64}$/;

interface Consumer {
  /** What npm installs beside our packages; the first one's version is shown. */
  readonly needs: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly check: (folder: string, relay: string) => Promise<void>;
}

async function execute(folder: string, file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(file, args, { cwd: folder, timeout: STEP_MS, maxBuffer: 2 ** 24 });
  return stdout.trim();
}
const node = (folder: string, ...args: string[]): Promise<string> => execute(folder, process.execPath, args);
/** A native program, or a script that finds it: npm decides. */
const bundle = (folder: string, ...args: string[]): Promise<string> =>
  execute(folder, join(folder, 'node_modules/.bin/esbuild'), ['--bundle', '--format=esm', ...args]);

function isAddress(text: string): void {
  if (!ADDRESS.test(text)) throw new Error(`no address, but: ${text.slice(0, 500)}`);
}

const MAIN = "import { register } from './program.mjs';\nconsole.log(await register(process.argv[2]));\n";
const esbuild = (...flags: string[]): Consumer => ({
  needs: ['esbuild'],
  files: { 'main.mjs': MAIN },
  async check(folder, relay) {
    const out = 'out.mjs';
    await bundle(folder, 'main.mjs', `--outfile=${out}`, ...flags);
    isAddress(await node(folder, out, relay));
  },
});

const next = (version: number, config: string): Consumer => ({
  needs: [`next@${version}`, 'react@19', 'react-dom@19'],
  files: {
    'next.config.mjs': config,
    'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;\n',
    'app/page.js': `'use client';
import { ClientSecureWebSocket } from '@sws/client';
export default () => <p>{typeof ClientSecureWebSocket}</p>;
`,
    'app/api/route.js': `import { register } from '../../program.mjs';
export const dynamic = 'force-dynamic';
export const GET = async (request) => new Response(await register(new URL(request.url).searchParams.get('relay')));
`,
  },
  async check(folder, relay) {
    await node(folder, 'node_modules/next/dist/bin/next', 'build');
    const port = await freePort();
    const server = spawn(process.execPath, ['node_modules/next/dist/bin/next', 'start', '-p', String(port)], {
      cwd: folder,
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.stdout.on('data', (text: Buffer) => String(text).includes('Ready') && resolve());
        server.once('close', () => reject(new Error('next start ended')));
      });
      const url = `http://127.0.0.1:${port}`;
      isAddress(await (await fetch(`${url}/api?relay=${encodeURIComponent(relay)}`)).text());
      const page = await (await fetch(url)).text();
      if (!page.includes('<p>function</p>')) throw new Error('the page does not have the client');
    } finally {
      server.kill('SIGKILL');
    }
  },
});

export const CONSUMERS: Readonly<Record<string, Consumer>> = {
  'esbuild-node': esbuild('--platform=node', '--packages=external'),
  'esbuild-node-banner': esbuild(
    '--platform=node',
    "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  ),
  next15: next(15, "export default { serverExternalPackages: ['@sws/client'] };\n"),
  next16: next(16, 'export default {};\n'),
  workerd: {
    needs: ['miniflare', 'esbuild'],
    files: {
      'worker.mjs': `import { register } from './program.mjs';
export default { fetch: async (request) => new Response(await register(new URL(request.url).searchParams.get('relay'))) };
`,
      'run.mjs': `import { Miniflare } from 'miniflare';
const mf = new Miniflare({ modules: true, scriptPath: 'out.mjs', compatibilityDate: '2026-04-01' });
const answer = await mf.dispatchFetch('http://worker/?relay=' + encodeURIComponent(process.argv[2]));
console.log(await answer.text());
await mf.dispose();
`,
    },
    async check(folder, relay) {
      await bundle(
        folder,
        'worker.mjs',
        '--platform=browser',
        '--conditions=workerd,worker,browser',
        '--outfile=out.mjs',
      );
      isAddress(await node(folder, 'run.mjs', relay));
    },
  },
};

/** Installs a consumer's packages into the cache, builds it, and lets it register. */
export async function runConsumer(name: string, host: Host): Promise<{ version: string; results: CaseResult[] }> {
  const consumer = CONSUMERS[name];
  if (consumer === undefined) throw new Error(`no consumer ${name}`);
  const folder = join(ROOT, '.cache/consumers', name);
  const packed = join(folder, 'packed');
  await rm(packed, { recursive: true, force: true });
  await mkdir(packed, { recursive: true });
  const filters = PACKAGES.map((one) => `--filter=@sws/${one}`);
  await run('npx', ['-y', 'pnpm', '--recursive', ...filters, 'pack', '--pack-destination', packed], {
    cwd: ROOT,
    timeout: STEP_MS,
  });
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await rm(join(folder, 'node_modules/@sws'), { recursive: true, force: true });
  await rm(join(folder, 'package-lock.json'), { force: true });
  const tarballs = (await readdir(packed)).map((file) => join(packed, file));
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs, ...consumer.needs];
  await run('npm', install, { cwd: folder, timeout: STEP_MS, maxBuffer: 2 ** 24 });
  for (const [file, text] of Object.entries({ ...consumer.files, 'program.mjs': PROGRAM })) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  const [first = ''] = consumer.needs;
  const manifest = join(folder, 'node_modules', first.replace(/@\d+$/, ''), 'package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8'));
  const from = performance.now();
  const error = await consumer.check(folder, host.relay).then(
    () => null,
    (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
  );
  return { version, results: [{ name: 'registers at a relay', ms: Math.round(performance.now() - from), error }] };
}
