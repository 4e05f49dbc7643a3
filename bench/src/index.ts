export { type CertificateFigures, swapCertificates } from './certificate-run.js';
export { complaints, type Fault, type FaultFigures, type FaultScenario, runFaults } from './fault-run.js';
export { type FileFigures, type FileScenario, fileComplaints, runFile } from './file-run.js';
export { FLOODS, type FloodKind, type FloodResult, flood, type Latency } from './flood.js';
export { type IdleMemory, idleMemory } from './idle-memory.js';
export { RelayChild, type RelayChildOptions } from './relay-child.js';
export {
  runSharedIdentity,
  type SharedIdentityFigures,
  type SharedIdentityScenario,
} from './shared-identity-run.js';
export {
  type MemoryFigures,
  runSlowReader,
  type SlowReaderFigures,
  type SlowReaderScenario,
} from './slow-reader-run.js';
