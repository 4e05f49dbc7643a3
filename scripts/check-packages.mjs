// `pnpm check:packages`: publint and "Are the types wrong?" on every package, as it would be published.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** `import` alone has to work, and not in the resolution of before package exports. */
const NOT_PROMISED = ['node10', 'node16-cjs'];

const folder = mkdtempSync(join(tmpdir(), 'sws-packages-'));
let sound = true;
try {
  const pack = ['-y', 'pnpm', '--filter', './packages/*', '-r', 'pack', '--pack-destination', folder];
  const { status, stdout, stderr } = spawnSync('npx', pack, { encoding: 'utf8', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`pnpm pack: ${stdout}${stderr}`);
  const names = readdirSync(folder).sort();
  if (names.length !== readdirSync('packages').length) throw new Error(`packed only ${names.join(', ')}`);
  for (const name of names) {
    const tarball = new Uint8Array(readFileSync(join(folder, name)));
    const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
    const { types, problems } = await checkPackage(createPackageFromTarballData(tarball));
    const complaints = messages.map((message) => formatMessage(message, pkg));
    if (types === false) complaints.push('it has no types');
    else
      for (const problem of problems)
        if (!NOT_PROMISED.includes(problem.resolutionKind)) complaints.push(JSON.stringify(problem));
    console.log(`${name}: ${complaints.length === 0 ? 'nothing wrong' : complaints.join('\n  ')}`);
    if (complaints.length > 0) sound = false;
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(sound ? 0 : 1);
