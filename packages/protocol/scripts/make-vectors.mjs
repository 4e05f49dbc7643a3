// `pnpm vectors`: writes vectors/*.json anew from make-vectors/, whose TypeScript vitest's own vite loads.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createViteServer } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));
const vite = await createViteServer({
  root,
  configFile: `${root}vitest.config.ts`,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { vectorFiles } = await vite.ssrLoadModule('/scripts/make-vectors/vector-files.ts');
  mkdirSync(`${root}vectors`, { recursive: true });
  for (const [name, text] of Object.entries(vectorFiles())) {
    writeFileSync(`${root}vectors/${name}`, text);
    console.log(`vectors/${name}: ${text.length} bytes`);
  }
} finally {
  await vite.close();
}
