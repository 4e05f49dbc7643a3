export { type FileStoreOptions, fileStore } from '@sws/crypto/node';
