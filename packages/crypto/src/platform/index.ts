export { randomBytes } from './random.js';
export { type WebStorageLike, webStorageStore } from './web-storage.js';
