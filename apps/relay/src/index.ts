export { type Access, type AccessFiles, openAccessFiles } from './access.js';
export type { Log } from './connection-log.js';
export { type Relay, type RelayDrainOptions, type RelayOptions, startRelay } from './relay.js';
