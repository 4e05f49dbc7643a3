import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type Administered, disconnect, listConnections, openAdminSocket, readMetrics } from '../admin-socket.js';
import type { Log } from '../connection-log.js';
import { isHandedOver, Listeners, listen } from '../listener.js';
import { pageHandler } from '../page.js';
import { timesOf } from '../relay.js';
import { relayOptionsOf } from '../relay-options.js';
import type { Settings } from '../settings/schema.js';
import { VERSION } from '../version.js';
import { commonAdmin, type FromWorker, pathsIn, type RelaySignal, SIGNALS, type ToWorker } from './orders.js';
import { SummedMetrics } from './summed-metrics.js';

/** How often a worker is asked for a sign of life. It is killed after `MAX_SILENT` requests without answer. */
const ALIVE_EVERY_MS = 1_000;
const MAX_SILENT = 10;
/** A worker that ends sooner than this is replaced after a delay, which grows each time up to a maximum. */
const SHORT_LIFE_MS = 10_000;
const MIN_REPLACE_MS = 500;
const MAX_REPLACE_MS = 30_000;
/** How long after their deadline workers are killed. */
const END_GRACE_MS = 5_000;

interface Member {
  readonly slot: number;
  readonly worker: ClusterWorker;
  readonly startedMs: number;
  open: boolean;
  listening: boolean;
  /** How many requests for a sign of life are unanswered. */
  silent: number;
}

/** The first process of a relay with several workers. It starts and replaces them, and answers for all of them. */
export class Primary {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #folder: string;
  readonly #port: number;
  readonly #members = new Map<number, Member>();
  /** How many times in a row a slot's worker has ended early. */
  readonly #shortLives = new Map<number, number>();
  readonly #metrics = new SummedMetrics();
  readonly #registry = new Registry();
  readonly #restarts: Counter;
  readonly #servers: Server[] = [];
  #listening: (relay: { readonly url: string; readonly serverKey: string }) => void = () => {};
  #started = false;
  #draining = false;
  #exitCode = 0;

  private constructor(settings: Settings, log: Log, folder: string, port: number) {
    this.#settings = settings;
    this.#log = log;
    this.#folder = folder;
    this.#port = port;
    collectDefaultMetrics({ register: this.#registry });
    const registers = [this.#registry];
    const running = (): number => [...this.#members.values()].filter(({ listening }) => listening).length;
    new Gauge({
      name: 'sws_workers',
      help: 'Workers that listen',
      registers,
      collect() {
        this.set(running());
      },
    });
    this.#restarts = new Counter({ name: 'sws_worker_restarts_total', help: 'Workers that died', registers });
  }

  /** Starts `count` workers. Resolves when all listen. Ends the process if one cannot start. */
  static async start(settings: Settings, count: number, log: Log): Promise<Primary> {
    const folder = await mkdtemp(join(tmpdir(), 'sws-relay-')); // 0700
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const primary = new Primary(settings, log, folder, settings.port === 0 ? await freePort() : settings.port);
    for (const signal of SIGNALS) process.on(signal, () => void primary.#signal(signal));
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.on('message', (worker, message: FromWorker) => primary.#heard(worker, message));
    cluster.on('exit', (worker, code, signal) => void primary.#exited(worker, signal ?? code));
    await primary.#serve(commonAdmin(folder));
    const relay = await primary.#startWorkers(count);
    if (settings.admin !== null) await primary.#serve(settings.admin);
    const metricsPort = await primary.#serveMetrics();
    console.log(`SWS relay listening on ${relay.url}`);
    console.log(`Server key (to pin this relay): ${relay.serverKey}`);
    log.info({ version: VERSION, pid: process.pid, ...relay, workers: count, metricsPort }, 'listening');
    setInterval(() => primary.#look(), ALIVE_EVERY_MS);
    return primary;
  }

  /** Starts the first worker alone. It finds errors in the settings, and chooses a port if any will do. */
  async #startWorkers(count: number): Promise<{ readonly url: string; readonly serverKey: string }> {
    const next = (): Promise<{ readonly url: string; readonly serverKey: string }> =>
      new Promise((resolve) => {
        this.#listening = resolve;
      });
    const first = next();
    this.#fork(1);
    const relay = await first;
    let left = count - 1;
    const all = new Promise<void>((resolve) => {
      this.#listening = () => {
        if (--left === 0) resolve();
      };
    });
    for (let slot = 2; slot <= count; slot++) this.#fork(slot);
    await all;
    this.#listening = () => {};
    this.#started = true;
    return relay;
  }

  #fork(slot: number): void {
    const worker = cluster.fork();
    const member = { slot, worker, startedMs: performance.now(), open: false, listening: false, silent: 0 };
    this.#members.set(worker.id, member);
  }

  #tell(worker: ClusterWorker, message: ToWorker): void {
    worker.send(message, () => {}); // ignore the error: 'exit' reports a worker that is gone
  }

  #heard(worker: ClusterWorker, message: FromWorker): void {
    const member = this.#members.get(worker.id);
    if (member === undefined) return;
    const { slot } = member;
    switch (message.type) {
      case 'hello':
        return this.#tell(worker, { type: 'start', slot, folder: this.#folder, id: worker.id, port: this.#port });
      case 'open': {
        const earlier = [...this.#members.values()].filter(({ open }) => open);
        member.open = true;
        const paths = earlier.map((one) => pathsIn(this.#folder, one.worker.id).siblings);
        return this.#tell(worker, { type: 'peers', paths });
      }
      case 'listening': {
        member.listening = true;
        const { url, serverKey } = message;
        if (this.#started) this.#log.info({ worker: slot, pid: worker.process.pid }, 'a worker listens in its place');
        return this.#listening({ url, serverKey });
      }
      case 'alive':
        member.silent = 0;
    }
  }

  /** Kills a worker that hangs. Its clients notice, and reconnect to other workers. */
  #look(): void {
    for (const member of this.#members.values()) {
      const { slot, worker, listening } = member;
      if (!listening) continue;
      if (++member.silent > MAX_SILENT) {
        this.#log.error({ worker: slot, pid: worker.process.pid }, 'a worker stands still: it is ended');
        worker.process.kill('SIGKILL');
      } else this.#tell(worker, { type: 'alive?' });
    }
  }

  async #exited(worker: ClusterWorker, how: string | number): Promise<void> {
    const member = this.#members.get(worker.id);
    if (member === undefined) return;
    this.#members.delete(worker.id);
    const { siblings, admin } = pathsIn(this.#folder, worker.id);
    for (const path of [siblings, admin]) rmSync(path, { force: true });
    await this.#metrics.ended(worker.id);
    if (this.#draining) {
      if (how !== 0) this.#exitCode = 1;
      if (this.#members.size === 0) this.#end();
      return;
    }
    if (!this.#started) {
      // The worker has logged why.
      for (const one of this.#members.values()) one.worker.process.kill('SIGKILL');
      process.exit(how === 0 ? 0 : 1);
    }
    const isAnyLeft = [...this.#members.values()].some(({ listening }) => listening);
    // The socket from systemd closes with the last worker. systemd has a copy, and starts this process again.
    if (!isAnyLeft && isHandedOver(process.env)) process.exit(1);
    const { slot, startedMs } = member;
    this.#restarts.inc();
    const short = performance.now() - startedMs < SHORT_LIFE_MS ? (this.#shortLives.get(slot) ?? 0) + 1 : 0;
    this.#shortLives.set(slot, short);
    const inMs = short === 0 ? 0 : Math.min(MAX_REPLACE_MS, MIN_REPLACE_MS * 2 ** (short - 1));
    this.#log.error({ worker: slot, pid: worker.process.pid, how, inMs }, 'a worker has died: it is replaced');
    if (inMs > 0) await wait(inMs);
    if (!this.#draining) this.#fork(slot);
  }

  async #signal(signal: RelaySignal): Promise<void> {
    const members = [...this.#members.values()];
    if (signal !== 'SIGHUP' && this.#draining) {
      this.#log.warn({ signal }, 'a second signal: ending at once');
      for (const { worker } of members) worker.process.kill('SIGKILL');
      process.exit(1);
    }
    for (const { worker } of members) this.#tell(worker, { type: 'signal', signal });
    if (signal === 'SIGHUP') return;
    this.#draining = true;
    if (members.length === 0) return this.#end();
    const { drainDelay, drainDeadline } = this.#settings;
    await wait((drainDelay + drainDeadline) * 1_000 + END_GRACE_MS);
    for (const { slot, worker } of this.#members.values()) {
      this.#log.error({ worker: slot }, 'a worker does not end: it is ended');
      worker.process.kill('SIGKILL');
    }
  }

  #end(): void {
    if (this.#started) this.#log.info({}, 'drained');
    for (const server of this.#servers) server.close();
    process.exit(this.#exitCode);
  }

  async #serve(path: string): Promise<void> {
    this.#servers.push(await openAdminSocket(path, this.#administered()));
  }

  /** The admin functions over all workers. A worker that does not answer is an error, and is not skipped. */
  #administered(): Administered {
    const admins = (): string[] =>
      [...this.#members.values()]
        .filter(({ listening }) => listening)
        .map(({ worker }) => pathsIn(this.#folder, worker.id).admin);
    return {
      connections: async (prefix) => (await Promise.all(admins().map((path) => listConnections(path, prefix)))).flat(),
      disconnect: async (key) => (await Promise.all(admins().map((path) => disconnect(path, key)))).includes(true),
      metrics: () => {
        const workers = new Map<number, () => Promise<string>>();
        for (const [id, { listening }] of this.#members)
          if (listening) workers.set(id, () => readMetrics(pathsIn(this.#folder, id).admin));
        return this.#metrics.read(workers, this.#registry);
      },
    };
  }

  async #serveMetrics(): Promise<number | null> {
    const { metricsListen, handshakeTimeoutMs } = relayOptionsOf(this.#settings);
    if (metricsListen === undefined) return null;
    const handler = pageHandler({
      shell: null,
      hosts: this.#settings.hosts,
      tls: false,
      ready: () => !this.#draining,
      metrics: this.#settings.metrics ? () => this.#administered().metrics() : null,
    });
    const server = createServer(timesOf(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }), handler);
    this.#servers.push(...new Listeners([server]).servers);
    return listen(server, { ...metricsListen, waitMs: this.#settings.waitForPort * 1_000 });
  }
}

/** A free port for all workers. If the last worker ends, the next must listen on the same port. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { port: 0, host: undefined });
  server.close();
  return port;
}
