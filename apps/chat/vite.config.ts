import { defineConfig } from 'vite';

export default defineConfig({
  // Every path serves the page, so its files are named from the root.
  base: '/',
  build: { target: 'es2023', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
});
