import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, expect, test } from 'vitest';
import { startRelay } from '../src/index.js';
import { loadSettings } from '../src/settings/load.js';
import { environmentNameOf, SCHEMA } from '../src/settings/schema.js';

const root = new URL('../../../', import.meta.url);
const pathOf = (name: string): string => fileURLToPath(new URL(name, root));
const read = (name: string): string => readFileSync(pathOf(name), 'utf8');
const folder = temporaryFolder();
afterAll(folder.remove);

const DOCUMENTS = ['docs/operate.md', 'apps/relay/README.md', 'packages/router-nats/README.md'];
/** Without that of the command line. */
const DEPLOYED = readdirSync(pathOf('deploy'))
  .filter((name) => name !== 'sws-serve.service')
  .map((name) => `deploy/${name}`);
/** Flags of other programs that the documents name: npm, pnpm, useradd, systemctl, certbot, docker, install, grep, Node, kubectl. */
const OTHERS = new Set(
  '--global --prod --filter --system --home-dir --shell --now --standalone --deploy-hook --nginx --build --ulimit --stop-timeout --time --interval --timeout --start-period --frozen-lockfile --from --line-buffered --max-old-space-size --from-file --from-literal --json'.split(
    ' ',
  ),
);

const help = spawnSync(process.execPath, [pathOf('apps/relay/dist/main.js'), '--help'], { encoding: 'utf8' }).stdout;

test.each([...DOCUMENTS, ...DEPLOYED])('%s names only flags and variables that exist', (name) => {
  const text = read(name);
  const flags = new Set([...help.matchAll(/--[a-z-]+/g)].map(([flag]) => flag));
  // `--hosts` and `--chat` have a `--no-` twin or none in the help: what is there counts.
  for (const [flag] of text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g))
    expect(flags.has(flag) || OTHERS.has(flag), `${flag} in ${name}`).toBe(true);
  const variables = new Set([...Object.keys(SCHEMA).map(environmentNameOf), 'SWS_CONFIG', 'SWS_RELAY']);
  for (const [variable] of text.matchAll(/\bSWS_[A-Z_]+/g))
    expect(variables.has(variable), `${variable} in ${name}`).toBe(true);
});

test('every TOML example is a valid configuration', () => {
  const examples = [...read('docs/operate.md').matchAll(/```toml\n([\s\S]*?)```/g)].map(([, toml]) => toml ?? '');
  const file = read('deploy/relay.toml');
  const uncommented = file.replace(/^# ([a-z-]+ = )/gm, '$1');
  for (const toml of [...examples, file, uncommented]) {
    const path = folder.path('example.toml');
    writeFileSync(path, toml);
    expect(() => loadSettings({ config: path }, {}, () => {}), toml).not.toThrow();
  }
  expect(examples.length).toBeGreaterThan(2);
});

test('every metric and log line in the guide exists', async () => {
  const relay = await startRelay({ port: 0, chat: false });
  const metrics = await (await fetch(`${relay.url}metrics`)).text();
  await relay.close();
  const sources = ['metrics', 'serve', 'relay', 'connection-log', 'workers/primary']
    .map((name) => read(`apps/relay/src/${name}.ts`))
    .join();
  const guide = read('docs/operate.md');
  for (const [, name = ''] of guide.matchAll(/`((?:sws|nodejs|process)_[a-z0-9_]+)/g))
    expect(metrics.includes(name) || sources.includes(`'${name}'`), name).toBe(true);
  const lines = /handful of lines in a relay's life: ([\s\S]*?)\. `warn`/.exec(guide)?.[1] ?? '';
  for (const [, line] of lines.matchAll(/`([^`]+)`/g)) expect(sources).toContain(`'${line}'`);
});

test('links between the documents resolve', () => {
  for (const name of DOCUMENTS) {
    const text = read(name);
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? text : null;
      if (linked === null) expect(statSync(new URL(path, new URL(name, root))).size, target).toBeGreaterThan(0);
      const headings = [...(linked ?? '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replace(/[^\w\s-]/g, '')
          .replace(/\s/g, '-'),
      );
      if (linked !== null) expect(headings, `${name}#${anchor}`).toContain(anchor);
    }
  }
});

test('certbot’s hook gives the relay a copy that other users cannot read', () => {
  const lineage = folder.path('live');
  mkdirSync(lineage);
  for (const name of ['privkey.pem', 'fullchain.pem']) writeFileSync(`${lineage}/${name}`, name);
  const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
  const target = folder.path('tls');
  execFileSync(pathOf('deploy/copy-certificate'), [target, user], {
    env: { ...process.env, RENEWED_LINEAGE: lineage },
  });
  expect(readFileSync(`${target}/privkey.pem`, 'utf8')).toBe('privkey.pem');
  expect(statSync(`${target}/privkey.pem`).mode & 0o777).toBe(0o400);
  expect(readdirSync(target).sort()).toEqual(['fullchain.pem', 'privkey.pem']);
});
