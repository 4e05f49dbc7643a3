import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const WORKER = 'service-worker.js';
const SUMS = 'SHA256SUMS';

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Tells the service worker which files the page is made of, and writes their hashes for whoever wants to compare builds:
 * both of the files as they are on disk, when nothing changes them any more.
 */
function shell(): Plugin {
  return {
    name: 'sws-shell',
    apply: 'build',
    writeBundle({ dir }) {
      if (dir === undefined) throw new Error('the build has no folder');
      const sums = (except: string | null): string =>
        readdirSync(dir, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(dir, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
          .filter((name) => name !== except && name !== SUMS)
          .sort()
          .map((name) => `${sha256(readFileSync(join(dir, name)))}  ${name}\n`)
          .join('');
      const files = sums(WORKER);
      const paths = files
        .trimEnd()
        .split('\n')
        .map((line) => `/${line.split('  ')[1]}`);
      const worker = join(dir, WORKER);
      const code = readFileSync(worker, 'utf8')
        .replaceAll('__SHELL_FILES__', JSON.stringify(paths))
        .replaceAll('__SHELL_VERSION__', JSON.stringify(sha256(files).slice(0, 16)));
      writeFileSync(worker, code);
      writeFileSync(join(dir, SUMS), sums(null));
    },
  };
}

export default defineConfig({
  // Every path serves the page, so its files are named from the root.
  base: '/',
  plugins: [shell()],
  build: {
    target: 'es2024',
    // What a part imports is there when it is loaded: only the page itself needs a list.
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_file, parts, { hostType }) => (hostType === 'html' ? parts : []),
    },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { index: 'index.html', 'service-worker': 'src/workers/service-worker.ts' },
      output: {
        // What several parts share is one file: on a slow line the styles have fewer rivals. But what is loaded for
        // QR codes, switches and saved files is not needed at first.
        codeSplitting: {
          groups: [{ name: 'page', minShareCount: 2, test: (id) => !/\/(qr|switch|save-file)\b/.test(id) }],
        },
        entryFileNames: ({ name }) => (name === 'service-worker' ? WORKER : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es' },
});
