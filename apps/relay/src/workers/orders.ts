/** The messages from a worker to the process that started it. */
export type FromWorker =
  /** The worker has started, and asks for its place. */
  | { readonly type: 'hello' }
  /** The worker's local socket listens, and later workers may dial it. */
  | { readonly type: 'open' }
  | { readonly type: 'listening'; readonly url: string; readonly serverKey: string }
  | { readonly type: 'alive' };

/** The messages to a worker. */
export type ToWorker =
  | {
      readonly type: 'start';
      readonly slot: number;
      readonly folder: string;
      readonly id: number;
      /** The port, which the first process has chosen if the settings leave it open. */
      readonly port: number;
    }
  /** The local sockets of earlier workers. */
  | { readonly type: 'peers'; readonly paths: readonly string[] }
  | { readonly type: 'signal'; readonly signal: RelaySignal }
  | { readonly type: 'alive?' };

/** The signals that a relay handles. */
export const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
export type RelaySignal = (typeof SIGNALS)[number];

/** The source of signals: this process, or for a worker, the process that started it. */
export interface SignalSource {
  on(signal: RelaySignal, listener: (signal: RelaySignal) => void): unknown;
  off(signal: RelaySignal, listener: (signal: RelaySignal) => void): unknown;
}

/** Paths in the folder of a relay's workers: a worker's socket for siblings, its admin socket, and the common one. */
export const pathsIn = (folder: string, id: number) => ({
  siblings: `${folder}/${id}`,
  admin: `${folder}/${id}.admin`,
});
export const commonAdmin = (folder: string): string => `${folder}/all.admin`;
