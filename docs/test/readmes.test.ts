// The snippets of the READMEs are what people copy first: each runs as it stands, and prints what it should.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasNatsServer, NatsServer } from '../../bench/src/nats-server.js';
import { makeCertificate } from './certificate.js';
import { ROOT } from './checkout.js';
import { quietPort } from './quiet-port.js';
import { STAGES, type Stage } from './readme-stages.js';
import { type Snippet, snippetsOf } from './snippets.js';

const TEST_MS = 60_000;
const HAS = { 'nats-server': hasNatsServer, openssl: spawnSync('openssl', ['version']).status === 0 };
/** "An example under 15 lines" at the top of each package's README. */
const EXAMPLE_LINES = 15;

function scriptsOf(document: string): readonly Snippet[] {
  return snippetsOf(readFileSync(join(ROOT, document), 'utf8')).filter(({ language }) => /^[jt]s$/.test(language));
}

const runs = Object.entries(STAGES).flatMap(([document, stages]) =>
  scriptsOf(document).map((snippet, index) => ({ document, snippet, index, stage: stages[index] })),
);

describe('the READMEs’ snippets', { timeout: TEST_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sws-readme-'));
  const scripts: string[] = [];
  let relay: Relay;
  let peer: Endpoint;
  let nats: NatsServer | null = null;
  let port = 0;
  beforeAll(async () => {
    symlinkSync(join(ROOT, 'docs/node_modules'), join(folder, 'node_modules'));
    mkdirSync(join(folder, 'certificate'));
    if (HAS.openssl) makeCertificate(join(folder, 'certificate'));
    relay = await startRelay({ port: 0, chat: false });
    port = await quietPort();
    if (HAS['nats-server']) nats = await NatsServer.start();
    peer = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
    // Whoever the snippets call says back what it is told in words.
    peer.addEventListener('connection', ({ socket }) => {
      socket.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') socket.send(data);
      });
    });
    await peer.ready;
  }, TEST_MS);
  afterAll(async () => {
    await peer.close();
    await relay.close();
    await nats?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, TEST_MS);

  /** The text with the names of the test's own relay, peer, port and files in place of the examples'. */
  function here(text: string): string {
    return text
      .replaceAll('wss://relay.example', relay.url.replace('http', 'ws').replace(/\/$/, ''))
      .replaceAll(/<their public key>|(?<=')…(?=')/g, peer.address ?? '')
      .replaceAll('8787', String(port))
      .replaceAll('4222', String(nats?.port))
      .replaceAll('/etc/letsencrypt/live/relay.example', join(folder, 'certificate'));
  }

  /** Runs a script with a user's folder of its own. */
  async function run(name: string, script: string): Promise<Pick<SpawnSyncReturns<string>, 'stdout' | 'status'>> {
    const home = join(folder, name);
    mkdirSync(home);
    writeFileSync(join(folder, `${name}.js`), script);
    scripts.push(`${name}.js`);
    const child = spawn(process.execPath, [join(folder, `${name}.js`)], {
      cwd: home,
      env: { ...process.env, XDG_CONFIG_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
    const [status] = await once(child, 'close');
    return { stdout, status };
  }

  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { document, snippet, index, stage } of runs) {
    const missing = stage?.needs !== undefined && !HAS[stage.needs];
    const title = `${document}, snippet ${index + 1}${stage?.needs ? ` (skipped where there is no ${stage.needs})` : ''}`;
    test.skipIf(missing)(title, async () => {
      if (stage === undefined) throw new Error(`${document}:${snippet.line} has no stage in readme-stages.ts`);
      const { before = '', after = '', prints }: Stage = stage;
      const name = `${document.replace(/\W/g, '-')}-${index}`;
      const { stdout, status } = await run(name, here([before, snippet.text, after].join('\n')));
      expect(stdout).toMatch(patternOf(prints.map(here)));
      expect(status).toBe(0);
    });
  }

  test('they pass the type checker', () => {
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2023',
      lib: ['es2023', 'dom'],
      types: ['node'],
      allowJs: true,
      checkJs: true,
      strict: false,
      noEmit: true,
      skipLibCheck: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: scripts }));
    expect(spawnSync(`${ROOT}docs/node_modules/.bin/tsc`, ['-p', folder], { encoding: 'utf8' }).stdout).toBe('');
  });
});

test.each(Object.keys(STAGES))('%s has a stage for each snippet, and begins with a short one', (document) => {
  const snippets = scriptsOf(document);
  expect(snippets).toHaveLength(STAGES[document]?.length ?? 0);
  expect(snippets[0]?.text.split('\n').length).toBeLessThan(EXAMPLE_LINES);
});

/** What is printed: `…` is anything in a line, alone in its line any lines. */
function patternOf(lines: readonly string[]): RegExp {
  const source = lines.map((line) =>
    line === '…' ? '[^]*' : line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*'),
  );
  return new RegExp(`^${source.join('\n')}\n$`);
}
