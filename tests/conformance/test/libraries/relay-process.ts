import { once } from 'node:events';
import { SecureWebSocketServer, type SecureWebSocketServerOptions } from '@sws/client/ws';
import { RelayProcess as Process, temporaryFolder } from '@sws/testing/relay-process';
import { newIdentity, type Stoppers } from '../servers.js';

/** `sws-relay` in a process of its own that can be killed and started again on the same port. */
export class RelayProcess {
  readonly #folder = temporaryFolder();
  #process: Process | null = null;
  #port = 0;

  static async start(stoppers: Stoppers): Promise<RelayProcess> {
    const relay = new RelayProcess();
    await relay.start();
    stoppers.add(async () => {
      await relay.kill();
      relay.#folder.remove();
    });
    return relay;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    const identity = this.#folder.path('identity');
    this.#process = await Process.start(['--port', String(this.#port), '--identity', identity, '--no-chat']);
    this.#port = this.#process.port;
  }

  /** As a crash does: SIGKILL, no goodbyes. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = null;
    await process?.stop();
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
