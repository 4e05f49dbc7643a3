import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SecureWebSocketServer, type SecureWebSocketServerOptions } from '@sws/client/ws';
import { newIdentity, type Stoppers } from '../servers.js';

const MAIN = fileURLToPath(new URL('../../../relay/dist/main.js', import.meta.url));

/** `sws-relay` as people run it, in a process of its own that can be killed and started again on the same port. */
export class RelayProcess {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sws-compat-'));
  #process: ChildProcess | null = null;
  #port = 0;

  static async start(stoppers: Stoppers): Promise<RelayProcess> {
    const relay = new RelayProcess();
    await relay.start();
    stoppers.add(async () => {
      await relay.kill();
      rmSync(relay.#folder, { recursive: true, force: true });
    });
    return relay;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    const identity = join(this.#folder, 'identity');
    const args = [MAIN, '--port', String(this.#port), '--identity', identity, '--no-chat'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#process = child;
    for await (const line of createInterface(child.stdout)) {
      const listening = /listening on http:\/\/[^:]+:(\d+)\//.exec(line);
      if (listening === null) continue;
      this.#port = Number(listening[1]);
      return;
    }
    throw new Error('the relay ended before it was listening');
  }

  /** As a crash does: SIGKILL, no goodbyes. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }
}

/** A server behind the relay, and how many sockets it was ever given: a resumed one is not a new one. */
export async function serve(
  relay: RelayProcess,
  stoppers: Stoppers,
  options: Partial<SecureWebSocketServerOptions> = {},
): Promise<{ readonly server: SecureWebSocketServer; readonly url: string; readonly connections: () => number }> {
  const server = new SecureWebSocketServer({ relay: relay.url, identity: newIdentity(), ...options });
  let connections = 0;
  server.on('connection', () => connections++);
  await once(server, 'listening');
  stoppers.add(async () => {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, url: server.url ?? '', connections: () => connections };
}

/** Polls until `holds`; the test's own timeout ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
