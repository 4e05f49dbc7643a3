import { defineConfig } from 'vite';

export default defineConfig({
  build: { target: 'es2023', outDir: 'dist/page', modulePreload: { polyfill: false } },
  worker: { format: 'es' },
});
