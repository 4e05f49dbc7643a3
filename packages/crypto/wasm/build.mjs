// Compiles secretbox.c into src/platform/secretbox-wasm.ts: `node wasm/build.mjs [file]` (`apt install clang lld`).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sws-wasm-'));
try {
  const wasm = join(folder, 'secretbox.wasm');
  execFileSync(
    'clang',
    [
      '--target=wasm32',
      // Clang's own vectors of Poly1305's words are slower than the words.
      ...['-fno-vectorize', '-fno-slp-vectorize'],
      ...['-Os', '-msimd128', '-mbulk-memory', '-std=c17', '-Wall', '-Wextra', '-Werror'],
      ...['-ffreestanding', '-nostdlib'],
      // Two pages, which never grow: the stack, what functions keep, and last the text.
      ...['-Wl,--no-entry', '-Wl,--strip-all', '-Wl,--stack-first', '-Wl,-z,stack-size=1024'],
      ...['-Wl,--initial-memory=131072', '-Wl,--max-memory=131072'],
      here('secretbox.c'),
      ...['-o', wasm],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  // Which compiler it was is not part of it.
  const [compiler] = execFileSync('clang', ['--version'], { encoding: 'utf8' }).split('\n');
  writeFileSync(
    process.argv[2] ?? here('../src/platform/secretbox-wasm.ts'),
    `// Made by wasm/build.mjs from wasm/secretbox.c with ${/version \d+/.exec(compiler)?.[0].replace('version', 'clang')}.\nexport const SECRETBOX_WASM =\n  '${readFileSync(wasm).toString('base64')}';\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
