// Runs the scripts of one folder, each in its own process: `pnpm bench [name [arguments]]`,
// `pnpm soak [name [arguments]]`.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

const [folder, name, ...args] = process.argv.slice(2);
if (folder !== 'bench' && folder !== 'soak') throw new Error('run.js bench|soak [name [arguments]]');
const here = new URL(`./${folder}/`, import.meta.url);
const names = readdirSync(here)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))
  .sort();
if (name !== undefined && !names.includes(name)) {
  console.error(`there is no ${folder} ${name}: ${names.join(', ')}`);
  process.exit(2);
}
const { stdout: commit } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
console.log(
  `node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, commit ${commit?.trim()}`,
);
const failed: string[] = [];
for (const each of name === undefined ? names : [name]) {
  console.log(`\n${folder} ${each}`);
  const started = Date.now();
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${each}.js`, here)), ...args], {
    stdio: 'inherit',
  });
  console.log(
    `${folder} ${each}: ${status === 0 ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - started) / 1000)} s`,
  );
  if (status !== 0) failed.push(each);
}
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
