export { fileStore } from './file-store.js';
export { nodeProvider } from './node-provider.js';
