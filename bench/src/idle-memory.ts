import { Child } from '@sws/testing/child';

/** A server's memory for idle connections. */
export interface IdleMemory {
  readonly connections: number;
  readonly rssBytes: number;
  readonly bytesPerConnection: number;
}

/** Clients per process: a process may have 20,000 files open. */
const CLIENTS_PER_PROCESS = 7_500;
/** Connections opened before the measurement. They make the server load its code and reserve what it reserves once. */
const BASE = 1_000;
const OPEN_TIMEOUT_MS = 300_000;

/** Resident memory after garbage collection per connection, for `connections` idle ones beside `base` others. */
export async function idleMemory(kind: 'sws' | 'ws', connections: number, base = BASE): Promise<IdleMemory> {
  const command = new URL('../dist/children/connections-server.js', import.meta.url);
  const server = await Child.start({ name: `${kind} server`, command, args: [kind], nodeFlags: ['--expose-gc'] });
  const url = `ws://127.0.0.1:${server.readyReport.port}/`;
  const clients: Child[] = [];
  const open = async (count: number): Promise<Child> => {
    const args = [JSON.stringify({ url, count, register: kind === 'sws' })];
    const script = new URL('../dist/children/idle-clients.js', import.meta.url);
    return Child.start({
      name: 'idle clients',
      command: script,
      args,
      readyTimeoutMs: OPEN_TIMEOUT_MS,
    });
  };
  try {
    clients.push(await open(base));
    const before = await measure(server, (held) => held === base);
    for (let left = connections; left > 0; left -= CLIENTS_PER_PROCESS)
      clients.push(await open(Math.min(left, CLIENTS_PER_PROCESS)));
    const after = await measure(server, (held) => held === base + connections);
    const bytesPerConnection = (after - before) / connections;
    return { connections, rssBytes: after, bytesPerConnection };
  } finally {
    await Promise.all([server, ...clients].map((child) => child.stop('SIGKILL')));
  }
}

/** The memory of the server once it holds the expected connections. */
async function measure(server: Child, holds: (held: number) => boolean): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    const seen = server.reports.length;
    server.write('measure');
    const { held, rssBytes } = (await server.report((report) => server.reports.indexOf(report) >= seen, 60_000)) as {
      event: string;
      held: number;
      rssBytes: number;
    };
    if (holds(held)) return rssBytes;
  }
  throw new Error('the server does not hold what it should');
}
