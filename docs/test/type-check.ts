import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './checkout.js';

/** What the type checker says of these files of a folder, JavaScript too. It writes the folder's `tsconfig.json`. */
export function typeErrors(folder: string, files: readonly string[]): string {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom'],
    types: ['node'],
    allowJs: true,
    checkJs: true,
    // What the JavaScript leaves out: types of parameters, and elements that are surely there.
    strict: false,
    noEmit: true,
    skipLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  return spawnSync(`${ROOT}docs/node_modules/.bin/tsc`, ['-p', folder], { encoding: 'utf8' }).stdout;
}
