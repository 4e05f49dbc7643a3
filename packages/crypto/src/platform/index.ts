export { signAsync, verifySignatureAsync } from './async-signature.js';
export { browserStore } from './browser-store.js';
export { type IndexedDbStoreOptions, indexedDbStore } from './indexed-db.js';
export { randomBytes } from './random.js';
export { type WebStorageLike, webStorageStore } from './web-storage.js';
