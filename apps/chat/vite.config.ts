import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

const WORKER = 'service-worker.js';
const PUBLIC = new URL('./public/', import.meta.url);

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Tells the service worker which files the page is made of, and writes their hashes for whoever wants to compare builds. */
function shell(): Plugin {
  return {
    name: 'sws-shell',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const worker = bundle[WORKER];
      if (worker?.type !== 'chunk') throw new Error('the service worker was not built');
      const hashes = new Map<string, string>();
      for (const name of readdirSync(PUBLIC)) hashes.set(name, sha256(readFileSync(new URL(name, PUBLIC))));
      for (const [name, output] of Object.entries(bundle))
        if (output !== worker) hashes.set(name, sha256(output.type === 'chunk' ? output.code : output.source));
      const names = [...hashes.keys()].sort();
      const version = sha256(names.map((name) => `${hashes.get(name)}  ${name}\n`).join('')).slice(0, 16);
      worker.code = worker.code
        .replaceAll('__SHELL_FILES__', JSON.stringify(names.map((name) => `/${name}`)))
        .replaceAll('__SHELL_VERSION__', JSON.stringify(version));
      hashes.set(WORKER, sha256(worker.code));
      const lines = [...hashes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, hash]) => `${hash}  ${name}\n`);
      this.emitFile({ type: 'asset', fileName: 'SHA256SUMS', source: lines.join('') });
    },
  };
}

export default defineConfig({
  // Every path serves the page, so its files are named from the root.
  base: '/',
  plugins: [shell()],
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { index: 'index.html', 'service-worker': 'src/workers/service-worker.ts' },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? WORKER : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es' },
});
