export { type CertificateFigures, swapCertificates } from './certificate-run.js';
export { Child, type ChildOptions, type ChildReport } from './child.js';
export { complaints, type Fault, type FaultFigures, type FaultScenario, runFaults } from './fault-run.js';
export { FaultyProxy } from './faulty-proxy.js';
export { type FileFigures, type FileScenario, fileComplaints, runFile } from './file-run.js';
export { FLOODS, type FloodKind, type FloodResult, flood, type Latency } from './flood.js';
export { type IdleMemory, idleMemory } from './idle-memory.js';
export { ConnectError, RawClient } from './raw-client.js';
export { RelayChild, type RelayChildOptions } from './relay-child.js';
export { seeded } from './seeded.js';
export {
  type MemoryFigures,
  runSlowReader,
  type SlowReaderFigures,
  type SlowReaderScenario,
} from './slow-reader-run.js';
export {
  type ClientSettings,
  type ReceiverOptions,
  type SenderOptions,
  Transfer,
  type TransferResult,
} from './transfer.js';
export { readUsage, type Usage } from './usage.js';
export { messagesOf, Tally, type Workload } from './workload.js';
