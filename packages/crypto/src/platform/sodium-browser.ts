// What the export `@sws/crypto/sodium` is in browsers: bundlers never see the native binding.
export { loadSodiumWasm as sodiumProvider } from './sodium-wasm-provider.js';
