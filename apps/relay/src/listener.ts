import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** How often a port that is in use is tried again. This is the gap between two relays on one port. */
const TRY_EVERY_MS = 25;
const CLOSE_GRACE_MS = 200;
/** The first socket that systemd hands over (sd_listen_fds(3)). */
const FIRST_HANDED_OVER = 3;

export interface ListenOptions {
  readonly port: number;
  readonly host: string | undefined;
  /** How long to wait for a port that another process still has. */
  readonly waitMs?: number;
  /** Called once if it has to wait. */
  readonly onWait?: () => void;
}

/** Listens. Resolves with the port. Rejects with Node's error; that of EADDRINUSE says what to do. */
export async function listen(server: Server, options: ListenOptions): Promise<number> {
  const { port, host, waitMs = 0 } = options;
  const deadline = performance.now() + waitMs;
  let waiting = false;
  for (;;) {
    try {
      server.listen({ port, host });
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (error) {
      if (!isInUse(error)) throw error;
      if (performance.now() >= deadline) {
        const hint = waitMs > 0 ? `still in use after ${waitMs / 1000} s` : 'in use; wait-for-port waits for it';
        throw new Error(`port ${port}${host === undefined ? '' : ` of ${host}`} is ${hint}`, { cause: error });
      }
      if (!waiting) options.onWait?.();
      waiting = true;
      await wait(TRY_EVERY_MS);
    }
  }
}

/** Listens on the socket that systemd hands over (socket activation). It queues connections while no relay runs. */
export async function listenOnHandedOver(server: Server): Promise<number> {
  server.listen({ fd: FIRST_HANDED_OVER });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The servers of a relay. First all stop listening, then all connections end. */
export class Listeners {
  readonly servers: readonly Server[];
  readonly #closed: Promise<unknown>[] = [];

  constructor(servers: readonly Server[]) {
    this.servers = servers;
  }

  /** Frees the ports. Connections stay open. */
  stop(): void {
    for (const server of this.servers) {
      if (!server.listening) continue;
      // Do not use `once` of 'node:events': it would reject on an error, and nobody handles that before `close`.
      this.#closed.push(new Promise((resolve) => server.once('close', resolve)));
      server.close();
      server.closeIdleConnections();
    }
  }

  /** Resolves when all connections have ended. Connections that were told to close get a moment, and are then cut. */
  async close(): Promise<void> {
    this.stop();
    const cut = setTimeout(() => {
      for (const server of this.servers) server.closeAllConnections();
    }, CLOSE_GRACE_MS);
    await Promise.all(this.#closed);
    clearTimeout(cut);
  }
}

/** Whether systemd handed a socket to this process, or to the process of which it is a worker. */
export function isHandedOver(environment: Readonly<Record<string, string | undefined>>): boolean {
  const listener = cluster.isWorker ? process.ppid : process.pid;
  return environment.LISTEN_PID === String(listener) && Number(environment.LISTEN_FDS) >= 1;
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
