// The release, rehearsed (docs/releasing.md): versions, a registry on loopback, and what people do first with what is published.
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type CheckoutCopy, copyCheckout, isGitCheckout, userEnvironment } from '@sws/testing/checkout-copy';
import { freePort } from '@sws/testing/free-port';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from './checkout.js';
import { PROGRAMS } from './package-programs.js';
import { STAGES } from './readme-stages.js';
import { HAS, patternOf, ReadmeWorld, runScript, scriptsOf } from './readme-world.js';

const REHEARSAL_MS = 300_000;
const INSTALL_MS = 120_000;
const MAX_OUTPUT_BYTES = 16_777_216;
const TSC = join(ROOT, 'docs/node_modules/.bin/tsc');
const PACKAGES = ['crypto', 'protocol', 'client', 'server', 'router', 'router-nats'].map((name) => `packages/${name}`);
const APPS = ['apps/relay', 'apps/cli', 'apps/chat'];
const NODE_TYPES = '@types/node@20';
/** How TypeScript finds packages: `module` and `moduleResolution`, and what it knows of the platform. */
const NODE = ['nodenext', 'nodenext', 'es2022'] as const;
const BUNDLER = ['esnext', 'bundler', 'es2022', 'dom'] as const;
/** Runs a program while this process goes on: its relay and peer must keep answering each other. Rejects if it fails. */
const run = promisify(execFile);
/** A connection that is kept may have been closed while npm ran. */
const ONCE = { headers: { connection: 'close' } };
/** Outside git, and no dependency of this workspace; delete it to fetch verdaccio afresh. */
const CACHE = join(ROOT, '.cache/verdaccio');

const online = spawnSync('npm', ['ping'], { timeout: 15_000 }).status === 0;

function verdaccio(): string {
  const program = join(CACHE, 'node_modules/verdaccio/bin/verdaccio');
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  // Later ones need Node 22. It asks for node-fetch by the tag `cjs`, which is this version, and which mirrors of npm need not have.
  const manifest = { private: true, dependencies: { verdaccio: '6.8.0' }, overrides: { 'node-fetch': '2.6.7' } };
  writeFileSync(join(CACHE, 'package.json'), JSON.stringify(manifest));
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: CACHE, stdio: 'ignore' });
  return program;
}

/** Starts an empty registry for `@sws/*`, to which everybody may publish. */
async function startRegistry(folder: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const config = join(folder, 'verdaccio.yaml');
  const lines = [
    `storage: ${join(folder, 'storage')}`,
    'auth: { htpasswd: { file: ./htpasswd } }',
    "packages: { '@sws/*': { access: $all, publish: $all } }",
    'log: { type: stdout, level: warn }',
  ];
  writeFileSync(config, lines.join('\n'));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(process.execPath, [verdaccio(), '--config', config, '--listen', address], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const answers = async (): Promise<boolean> => {
    try {
      return (await fetch(`http://${address}/-/ping`, ONCE)).ok;
    } catch {
      return false;
    }
  };
  const end = performance.now() + 120_000;
  while (!(await answers())) {
    if (child.exitCode !== null || performance.now() > end) throw new Error('verdaccio does not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url: `http://${address}/`,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Identities of one version of `@sws/crypto` where the other is expected. */
const BOTH_VERSIONS = `import { Endpoint, defaultIdentity, Identity as ClientsIdentity, seal as clientsSeal, unseal } from '@sws/client';
import { Identity, seal } from '@sws/crypto';
import { defaultProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type AcceptorOptions, accept } from '@sws/server';

const own = Identity.generate(randomBytes);
const provider = await defaultProvider();
const endpoint = new Endpoint('ws://127.0.0.1:9', { identity: own, provider, signal: AbortSignal.abort() });
const relay: Pick<AcceptorOptions<Request>, 'identity'> = { identity: own };
const asDefault: typeof seal = (_, passphrase, random) => defaultIdentity().then((one) => seal(one, passphrase, random));
void [relay, accept, asDefault];

const sealed = await clientsSeal(own, 'a passphrase', randomBytes);
const clients: ClientsIdentity = await unseal(sealed, 'a passphrase');
console.log(clients.publicKey === (await endpoint.ready).publicKey, (await seal(clients, 'b', randomBytes)) !== sealed);
`;

describe.skipIf(!online || !isGitCheckout)(
  'a release (skipped where npm reaches no registry, or outside a git checkout)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-release-'));
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let clone: CheckoutCopy;
    let world: ReadmeWorld;
    let newerCrypto: string;

    async function pnpm(...args: readonly string[]): Promise<void> {
      // What this checkout has built of the same sources need not be built again.
      const env = { ...userEnvironment(), CI: '1', TURBO_CACHE_DIR: join(ROOT, '.turbo/cache') };
      await run('npx', ['-y', 'pnpm', ...args], { cwd: clone.folder, env, maxBuffer: MAX_OUTPUT_BYTES });
    }
    /** `@sws/*` comes from the registry on loopback, and everything else from where npm is used to get it. */
    function npmrc(): string {
      return `@sws:registry=${registry.url}\n//${new URL(registry.url).host}/:_authToken=rehearsal\n`;
    }
    const read = (name: string): string => readFileSync(join(clone.folder, name), 'utf8');

    /** Publishes @sws/crypto as of the next minor too, under a tag of its own. It comes before the first install: npm remembers which versions there are. */
    async function publishNewerCrypto(): Promise<void> {
      const file = join(clone.folder, 'packages/crypto/package.json');
      const text = readFileSync(file, 'utf8');
      const manifest = JSON.parse(text);
      const [major, minor] = manifest.version.split('.');
      newerCrypto = `${major}.${Number(minor) + 1}.0`;
      writeFileSync(file, JSON.stringify({ ...manifest, version: newerCrypto }));
      await pnpm('--filter=@sws/crypto', 'publish', '--no-git-checks', '--tag=next');
      writeFileSync(file, text);
    }

    beforeAll(async () => {
      registry = await startRegistry(folder);
      world = await ReadmeWorld.start(folder);
      clone = copyCheckout();
      writeFileSync(join(clone.folder, '.npmrc'), npmrc());
      // Here and nowhere else; provenance is signed by the workflow that publishes.
      for (const name of [...PACKAGES, ...APPS]) {
        const manifest = JSON.parse(read(`${name}/package.json`));
        manifest.publishConfig = { access: 'public', registry: registry.url };
        writeFileSync(join(clone.folder, name, 'package.json'), JSON.stringify(manifest, null, 2));
      }
      await pnpm('build');
      await pnpm('changeset', 'version');
      clone.git('commit', '--quiet', '--all', '--message', 'Version packages');
      await pnpm('release');
      await publishNewerCrypto();
    }, REHEARSAL_MS);
    afterAll(async () => {
      await world.stop();
      await registry.stop();
      clone.remove();
      rmSync(folder, { recursive: true, force: true });
    }, REHEARSAL_MS);

    async function npmInstall(project: string, names: readonly string[]): Promise<void> {
      const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...names];
      await run('npm', args, { cwd: project, env: userEnvironment(), maxBuffer: MAX_OUTPUT_BYTES });
    }
    /** Installs packages with npm into an empty folder. @throws Error if the first is not the one that was published */
    async function install(...names: readonly string[]): Promise<string> {
      const project = mkdtempSync(join(folder, 'project-'));
      writeFileSync(join(project, '.npmrc'), npmrc());
      writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
      await npmInstall(project, names);
      const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
      const { version, integrity } = packages[`node_modules/${names[0]}`];
      const published = await (await fetch(`${registry.url}${names[0]}`, ONCE)).json();
      expect(published.versions[version].dist.integrity).toBe(integrity);
      return project;
    }
    /** Compiles a project, and returns what the compiler finds wrong. */
    async function compile(project: string): Promise<string> {
      const child = spawn(TSC, ['-p', project], { stdio: ['ignore', 'pipe', 'inherit'] });
      return (await child.stdout.setEncoding('utf8').toArray()).join('');
    }
    /** Compiles the programs of packages as each way of finding them asks, and runs what the last one makes. */
    async function compileAndRun(
      project: string,
      names: readonly string[],
      ...resolutions: readonly (typeof NODE | typeof BUNDLER)[]
    ): Promise<void> {
      for (const name of names) writeFileSync(join(project, `${name}.ts`), PROGRAMS[name]?.source ?? '');
      for (const [module, moduleResolution, ...lib] of resolutions) {
        const ways = { module, moduleResolution, target: 'es2022', lib, types: ['node'] };
        const compilerOptions = { ...ways, strict: true, skipLibCheck: false, outDir: 'out', rootDir: '.' };
        writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
        expect(await compile(project)).toBe('');
      }
      for (const name of names) {
        const { stdout } = await run(process.execPath, [join(project, `out/${name}.js`)]);
        expect(stdout.trim()).toBe(PROGRAMS[name]?.prints);
      }
    }

    test.each([...PACKAGES, ...APPS])('%s has a changelog without hashes and lines for dependencies', (name) => {
      const changelog = read(`${name}/CHANGELOG.md`);
      const { version } = JSON.parse(read(`${name}/package.json`));
      expect(version).not.toBe('0.0.0');
      expect(changelog).toContain(`## ${version}`);
      expect(changelog).not.toMatch(/\b[0-9a-f]{7,40}:|Updated dependencies/);
    });

    test.each([...PACKAGES, 'apps/relay'])(
      '%s, installed from a registry, compiles alone, and runs its README’s example',
      {
        timeout: INSTALL_MS,
      },
      async (name) => {
        const stage = STAGES[`${name}/README.md`]?.[0];
        const snippet = scriptsOf(`${name}/README.md`)[0];
        if (stage === undefined || snippet === undefined) throw new Error(`${name}/README.md has no example`);
        const script = [stage.before ?? '', snippet.text, stage.after ?? ''].join('\n');
        const own = name.split('/')[1] ?? '';
        const imported = [...script.matchAll(/from '(@sws\/[\w-]+)/g)].map(([, imported = '']) => imported);
        const project = await install(`@sws/${own}`, NODE_TYPES);
        if (own in PROGRAMS) await compileAndRun(project, [own], NODE);
        const others = imported.filter((other) => other !== `@sws/${own}`);
        if (others.length > 0) await npmInstall(project, others);
        if (stage.needs !== undefined && !HAS[stage.needs]) return;
        const { output, status } = await runScript(project, 'example', world.here(script));
        expect(output).toMatch(patternOf(stage.prints.map((line) => world.here(line))));
        expect(status).toBe(0);
      },
    );

    test('all packages, installed together, compile for Node and for a bundler', { timeout: INSTALL_MS }, async () => {
      const names = Object.keys(PROGRAMS);
      const project = await install(...names.map((name) => `@sws/${name}`), NODE_TYPES);
      await compileAndRun(project, names, BUNDLER, NODE);
    });

    test('@sws/cli, installed from a registry, creates an identity', { timeout: INSTALL_MS }, async () => {
      const project = await install('@sws/cli');
      const env = { ...process.env, XDG_CONFIG_HOME: join(project, 'config') };
      const { stdout } = await run(join(project, 'node_modules/.bin/sws'), ['id'], { env });
      expect(stdout).toMatch(/\b[0-9a-f]{64}\b/);
    });

    test('@sws/relay, installed from a registry, serves the chat page', { timeout: INSTALL_MS }, async () => {
      const project = await install('@sws/relay');
      expect(existsSync(join(project, 'node_modules/@sws/chat/dist/index.html'))).toBe(true);
      const { stdout } = await run(join(project, 'node_modules/.bin/sws-relay'), ['--help']);
      expect(stdout).toContain('--hosts');
    });

    // An application may have a newer @sws/crypto than its @sws/client has: the two classes `Identity` are different types.
    test('the tutorial, and identities of a newer @sws/crypto, compile with @sws/client', {
      timeout: INSTALL_MS,
    }, async () => {
      const { version } = JSON.parse(read('packages/crypto/package.json'));
      const project = await install('@sws/client', '@sws/server', `@sws/crypto@${newerCrypto}`);
      const versionIn = (folder: string): string =>
        JSON.parse(readFileSync(join(project, folder, 'package.json'), 'utf8')).version;
      expect(versionIn('node_modules/@sws/crypto')).toBe(newerCrypto);
      expect(versionIn('node_modules/@sws/client/node_modules/@sws/crypto')).toBe(version);

      const saved = scriptsOf('docs/tutorial.md').flatMap(({ file, text }) => (file === null ? [] : [{ file, text }]));
      expect(saved.length).toBeGreaterThan(10);
      for (const { file, text } of saved) writeFileSync(join(project, file), text);
      writeFileSync(join(project, 'versions.ts'), BOTH_VERSIONS);
      const types = join(ROOT, 'docs/node_modules/@types');
      const options = { module: 'nodenext', target: 'es2023', lib: ['es2023', 'dom', 'dom.iterable'], types: ['node'] };
      const checks = { allowJs: true, checkJs: true, outDir: 'out', rootDir: '.', typeRoots: [types] };
      const files = [...saved.map(({ file }) => file), 'versions.ts'];
      const config = { compilerOptions: { ...options, ...checks, strict: false }, files };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
      expect(await compile(project)).toBe('');
      const { stdout } = await run(process.execPath, [join(project, 'out/versions.js')]);
      expect(stdout.trim()).toBe('true true');
    });
  },
);
