// Whoever hosts the chat, or is given it by a relay, can hold what is served to a build of their own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Relay, startRelay } from '@sws/relay';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './checkout.js';
import { snippetsOf } from './snippets.js';

const hasCurl = spawnSync('curl', ['--version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'sws-hosted-'));
let relay: Relay;
beforeAll(async () => {
  relay = await startRelay({ port: 0 });
  mkdirSync(join(folder, 'dist'));
  copyFileSync(join(ROOT, 'apps/chat/dist/SHA256SUMS'), join(folder, 'dist/SHA256SUMS'));
});
afterAll(async () => {
  await relay.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the README's loop says of the page that a relay serves. */
async function check(): Promise<string> {
  const readme = readFileSync(join(ROOT, 'apps/chat/README.md'), 'utf8');
  const script = snippetsOf(readme).find(({ text }) => text.includes('differs'))?.text ?? 'exit 1';
  const child = spawn('bash', ['-c', script.replace('https://chat.example/', relay.url)], { cwd: folder });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  await once(child, 'close');
  return output;
}

test.skipIf(!hasCurl)(
  'the README’s check passes for a relay’s own page, and names a changed file (skipped where there is no curl)',
  async () => {
    expect(await check()).toBe('');
    const sums = readFileSync(join(folder, 'dist/SHA256SUMS'), 'utf8');
    expect(sums).toContain('  index.html\n');
    writeFileSync(
      join(folder, 'dist/SHA256SUMS'),
      sums.replace(/^\w+ {2}index\.html$/m, `${'0'.repeat(64)}  index.html`),
    );
    expect(await check()).toBe('differs: index.html\n');
  },
);
