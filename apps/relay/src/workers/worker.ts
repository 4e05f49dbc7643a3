import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import { readMetrics } from '../admin-socket.js';
import type { Relay } from '../relay.js';
import { LocalBackplane } from './local-backplane.js';
import {
  commonAdmin,
  type FromWorker,
  pathsIn,
  type RelaySignal,
  SIGNALS,
  type SignalSource,
  type ToWorker,
} from './orders.js';
import { SharedCounts } from './shared-counts.js';

/** This process as one of several workers on one port. */
export interface Worker {
  /** The number of the worker, from 1. Its replacement gets the same number. */
  readonly slot: number;
  readonly port: number;
  readonly local: LocalBackplane;
  readonly counts: SharedCounts;
  /** The worker's admin socket, for the process that started it. */
  readonly admin: string;
  /** Signals, passed on by the process that started it. Only that process gets them from the system. */
  readonly signals: SignalSource;
  /** The metrics of all workers together. */
  metrics(): Promise<string>;
  /** Reports that the worker listens. */
  listening(relay: Pick<Relay, 'url' | 'serverKey'>): void;
}

/** Joins the other workers. Rejects if the local sockets cannot be used. */
export async function joinWorkers(): Promise<Worker> {
  const orders = new EventEmitter<Record<RelaySignal, [RelaySignal]>>();
  // A terminal or systemd signals every process of a group. Ignore that: the first process passes signals on.
  for (const signal of SIGNALS) process.on(signal, () => {});
  const heard = new EventEmitter<{ start: [ToWorker & { type: 'start' }]; peers: [ToWorker & { type: 'peers' }] }>();
  process.on('message', (message: ToWorker) => {
    if (message.type === 'signal') {
      const heeded = orders.emit(message.signal, message.signal);
      if (!heeded && message.signal !== 'SIGHUP') process.exit(0); // the relay has not started
    }
    if (message.type === 'alive?') tell({ type: 'alive' });
    else if (message.type === 'start') heard.emit('start', message);
    else if (message.type === 'peers') heard.emit('peers', message);
  });
  const start = new Promise<ToWorker & { type: 'start' }>((resolve) => heard.once('start', resolve));
  tell({ type: 'hello' });
  const { slot, folder, id, port } = await start;
  const paths = pathsIn(folder, id);
  const counts = new SharedCounts();
  const local = await LocalBackplane.open({ path: paths.siblings, counts });
  const peers = new Promise<ToWorker & { type: 'peers' }>((resolve) => heard.once('peers', resolve));
  tell({ type: 'open' });
  await local.dial((await peers).paths);
  cluster.worker?.once('disconnect', () => {
    // The first process is gone, and with it the port. Ask clients to reconnect; Node would exit here.
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    orders.emit('SIGTERM', 'SIGTERM');
  });
  return {
    slot,
    port,
    local,
    counts,
    admin: paths.admin,
    signals: orders,
    metrics: () => readMetrics(commonAdmin(folder)),
    listening: ({ url, serverKey }) => tell({ type: 'listening', url, serverKey }),
  };
}

function tell(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {}); // ignore the error if the first process is gone
}
