/** What a worker tells the process that started it. */
export type FromWorker =
  /** It has begun, and wants to know where it belongs. */
  | { readonly type: 'hello' }
  /** Its local socket listens: later workers may dial it. */
  | { readonly type: 'open' }
  | { readonly type: 'listening'; readonly url: string; readonly serverKey: string }
  | { readonly type: 'alive' };

/** What it is told. */
export type ToWorker =
  | {
      readonly type: 'start';
      readonly slot: number;
      readonly folder: string;
      readonly id: number;
      /** The settings may leave the choice open: then the first process has made it. */
      readonly port: number;
    }
  /** The local sockets of those that came before. */
  | { readonly type: 'peers'; readonly paths: readonly string[] }
  | { readonly type: 'signal'; readonly signal: RelaySignal }
  | { readonly type: 'alive?' };

/** The signals that a relay knows. */
export const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
export type RelaySignal = (typeof SIGNALS)[number];

/** Where signals come from: this process, or for a worker the one that started it. */
export interface SignalSource {
  on(signal: RelaySignal, listener: (signal: RelaySignal) => void): unknown;
  off(signal: RelaySignal, listener: (signal: RelaySignal) => void): unknown;
}

/** In the folder of a relay's workers: a worker's socket for its siblings, its admin socket, and that of them all. */
export const pathsIn = (folder: string, id: number) => ({
  siblings: `${folder}/${id}`,
  admin: `${folder}/${id}.admin`,
});
export const commonAdmin = (folder: string): string => `${folder}/all.admin`;
