// The export `@sws/crypto/sodium` for browsers, so that bundlers do not see the native binding.
export { loadSodiumWasm as sodiumProvider } from './sodium-wasm-provider.js';
