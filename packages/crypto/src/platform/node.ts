export { defaultProvider } from './default-provider.js';
export { type FileStoreOptions, fileStore } from './file-store.js';
export { nodeProvider } from './node-provider.js';
