// Measures the CPU of 1 GB on loopback through `sws send`, through a port, and through other programs: the user and
// system time of all processes that take part (both ends, agents, relay), including their start.
// `pnpm bench cpu-per-gigabyte --quick` carries less, once, and records nothing. Words after it select the programs
// whose names contain one of them. A program that is not installed is named and skipped.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '@sws/testing/child';
import { freePort } from '@sws/testing/free-port';
import { answers, hasSsh, SshServer } from '@sws/testing/ssh-server';
import { Comparison, figure, spreadOf } from '../comparison.js';
import { agents } from '../file-run.js';

const RELAY = fileURLToPath(new URL('../../../apps/relay/dist/main.js', import.meta.url));
const SWS = fileURLToPath(new URL('../../../apps/cli/dist/main.js', import.meta.url));
const [, , ...words] = process.argv;
const isQuick = words.includes('--quick');
const only = words.filter((word) => word !== '--quick');
const bytes = isQuick ? 200_000_000 : 1_000_000_000;
const TURNS = isQuick ? 1 : 3;
const TARGET_SECONDS = 8;
const CHUNK = Buffer.alloc(1_048_576, 'no bytes that compress away would be as honest as random ones');
const folder = await mkdtemp(join(tmpdir(), 'sws-cli-bench-'));
const path = (...names: string[]): string => join(folder, ...names);
const sws = (...args: string[]): string[] => [process.execPath, SWS, ...args];

/** CPU seconds by process. */
type Cost = Readonly<Record<string, number>>;

/** CPU seconds of a running process and of the children that it has waited for (proc(5)). */
function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / 100;
  } catch {
    return 0; // it has ended; its CPU time is in the figure of the process that waited for it
  }
}

/**
 * Runs a command to its end. Resolves with the CPU seconds of the command and of all processes that it started.
 * @throws Error if it fails
 */
async function timed(command: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = folder): Promise<number> {
  const script = 'TIMEFORMAT="%U %S"; { time "$@" >/dev/null 2>&1; } 2>&3';
  const child = spawn('bash', ['-c', script, 'bash', ...command], {
    env: { ...process.env, ...env },
    cwd,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  let said = '';
  child.stdio[3]?.on('data', (data: Buffer) => {
    said += data;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} ended with ${code}`);
  return said
    .trim()
    .split(/\s+/)
    .reduce((sum, number) => sum + Number(number), 0);
}

/**
 * Measures one program. `running` names long-running processes by process id; the CPU time that they use during
 * `work` is added to what `work` returns.
 */
async function cost(running: () => ReadonlyMap<number, string>, work: () => Promise<Cost>): Promise<Cost> {
  const before = new Map([...running().keys()].map((pid) => [pid, cpuOf(pid)]));
  const own = await work();
  const all: Record<string, number> = { ...own };
  for (const [pid, name] of running()) all[name] = (all[name] ?? 0) + cpuOf(pid) - (before.get(pid) ?? 0);
  return all;
}

function has(program: string): boolean {
  return spawnSync('which', [program]).status === 0;
}

const relay = await Child.start({
  name: 'relay',
  command: process.execPath,
  args: [RELAY, '--port', '0', '--no-chat', '--bytes-per-second', '1073741824', '--messages-per-second', '1000000'],
});
const [relayUrl = ''] = /http:\S+/.exec(relay.readyLine) ?? [];
const started: (ChildProcess | { kill(): void })[] = [];
/** Each measurement uses new identities and agents, and includes the start of the agents. */
let round = 0;
const user = (name: string): NodeJS.ProcessEnv => {
  return { XDG_CONFIG_HOME: path(`${name} ${round}`), XDG_RUNTIME_DIR: path(`run ${round}`), SWS_RELAY: relayUrl };
};
const swsRunning = (...children: readonly Child[]): Map<number, string> =>
  new Map([
    [relay.pid, 'relay'],
    ...agents(path(`run ${round}`, 'sws')).map((pid): [number, string] => [pid, 'agents']),
    ...children.map(({ pid, options: { name } }): [number, string] => [pid, name]),
  ]);
const start = async (name: string, ...args: string[]): Promise<Child> => {
  const env = user(name) as Record<string, string>;
  const child = await Child.start({
    name: args[0] ?? '',
    command: process.execPath,
    args: [SWS, ...args, '--json'],
    env,
  });
  started.push({ kill: () => child.signal('SIGKILL') });
  return child;
};

/** Sends the bytes through a port; resolves when all have arrived. */
async function throughPort(open: (port: number) => Promise<number>): Promise<void> {
  let taken = 0;
  const server = createServer((socket) => {
    socket.on('data', ({ length }) => {
      taken += length;
    });
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect(await open((server.address() as AddressInfo).port), '127.0.0.1').resume();
  for (let left = bytes; left > 0; left -= CHUNK.length)
    if (!socket.write(CHUNK.subarray(0, Math.min(left, CHUNK.length)))) await once(socket, 'drain');
  socket.end();
  await once(socket, 'close');
  server.close();
  if (taken !== bytes) throw new Error(`${taken} bytes of ${bytes} came through`);
}

/** Measures `sws send` to a running `sws recv`. */
async function send(...flags: string[]): Promise<Cost> {
  round++;
  const receiver = await start('bob', 'recv', '--accept-all', '--out', path('in-sws'), ...flags);
  const result = await cost(
    () => new Map([[relay.pid, 'relay']]),
    async () => {
      const sender = await timed(
        sws('send', path('file'), String(receiver.readyReport.address), ...flags),
        user('alice'),
      );
      const rest: Record<string, number> = { send: sender };
      for (const [pid, name] of swsRunning(receiver)) if (name !== 'relay') rest[name] = (rest[name] ?? 0) + cpuOf(pid);
      return rest;
    },
  );
  await receiver.stop();
  await rm(path('in-sws'), { recursive: true });
  return result;
}

/** Measures `sws open` to `sws serve`. */
async function port(...flags: string[]): Promise<Cost> {
  round++;
  const children: Child[] = [];
  const result = await cost(
    () => new Map([[relay.pid, 'relay']]),
    async () => {
      await throughPort(async (target) => {
        const served = await start('carol', 'serve', `127.0.0.1:${target}`, '--accept-all', ...flags);
        const opened = await start('dave', 'open', String(served.readyReport.address), '--port', '0', ...flags);
        children.push(served, opened);
        return Number(opened.readyReport.port);
      });
      const all: Record<string, number> = {};
      for (const [pid, name] of swsRunning(...children))
        if (name !== 'relay') all[name] = (all[name] ?? 0) + cpuOf(pid);
      return all;
    },
  );
  await Promise.all(children.map((child) => child.stop()));
  return result;
}

/** The CPU of two ends that run at the same time. */
async function both(sending: Promise<number>, receiving: Promise<number>): Promise<Cost> {
  const [send = 0, receive = 0] = await Promise.all([sending, receiving]);
  return { send, receive };
}

const A_FILE = 'a file';
const A_PORT = 'a port';
const ways: Record<string, Record<string, (() => Promise<Cost>) | null>> = {
  [A_FILE]: {
    sws: () => send(),
    'sws --ephemeral': () => send('--ephemeral'),
    scp: hasSsh
      ? async () => {
          const sshd = await SshServer.start(await mkdtemp(path('ssh-')), '');
          started.push({ kill: () => sshd.stop() });
          const to = `127.0.0.1:${path('in-scp')}`;
          // The server's side is a child of sshd, which waits for it.
          return cost(
            () => new Map([[sshd.pid, 'sshd']]),
            async () => ({
              scp: await timed(['scp', '-q', '-F', sshd.clientConfig, '-P', String(sshd.port), path('file'), to]),
            }),
          );
        }
      : null,
    croc: has('croc')
      ? async () => {
          const port = await freePort();
          const ports = Array.from({ length: 5 }, (_, index) => port + index).join(',');
          const crocRelay = spawn('croc', ['relay', '--host', '127.0.0.1', '--ports', ports], { stdio: 'ignore' });
          started.push(crocRelay);
          await answers(port);
          // It does not send again what is there.
          await rm(path('in-croc'), { recursive: true, force: true });
          await mkdir(path('in-croc'));
          const env = { CROC_SECRET: 'bench-code-of-eight-words', HOME: path('croc') };
          const to = ['--relay', `127.0.0.1:${port}`, '--pass', 'pass123', '--yes', '--overwrite'];
          return cost(
            () => new Map([[crocRelay.pid ?? 0, 'relay']]),
            () =>
              both(
                timed(['croc', ...to, 'send', '--no-local', path('file')], env),
                timed(['bash', '-c', 'sleep 2; exec croc "$@"', 'croc', ...to], env, path('in-croc')),
              ),
          );
        }
      : null,
    'magic-wormhole': has('wormhole')
      ? async () => {
          const port = await freePort();
          const mailbox = spawn('twist', ['wormhole-mailbox', `--port=tcp:${port}:interface=127.0.0.1`], {
            cwd: folder,
            stdio: 'ignore',
          });
          started.push(mailbox);
          await answers(port);
          await rm(path('in-wormhole'), { recursive: true, force: true });
          await mkdir(path('in-wormhole'));
          const at = ['--relay-url', `ws://127.0.0.1:${port}/v1`, '--transit-helper', 'tcp:127.0.0.1:1'];
          const code = '7-bench-code';
          return cost(
            () => new Map([[mailbox.pid ?? 0, 'mailbox']]),
            () =>
              both(
                timed(['wormhole', ...at, 'send', '--code', code, '--hide-progress', path('file')]),
                timed(
                  ['wormhole', ...at, 'receive', '--accept-file', '--hide-progress', code],
                  {},
                  path('in-wormhole'),
                ),
              ),
          );
        }
      : null,
  },
  [A_PORT]: {
    sws: () => port(),
    'sws --ephemeral': () => port('--ephemeral'),
    'ssh -L': hasSsh
      ? async () => {
          const sshd = await SshServer.start(await mkdtemp(path('ssh-')), '');
          started.push({ kill: () => sshd.stop() });
          const local = await freePort();
          const clients: ChildProcess[] = [];
          const result = await cost(
            () => new Map([[sshd.pid, 'sshd']]),
            async () => {
              let client = 0;
              await throughPort(async (target) => {
                const forward = `127.0.0.1:${local}:127.0.0.1:${target}`;
                const where = ['-F', sshd.clientConfig, '-p', String(sshd.port), '127.0.0.1'];
                const ssh = spawn('ssh', ['-N', '-L', forward, ...where], { stdio: 'ignore' });
                started.push(ssh);
                clients.push(ssh);
                await answers(local);
                return local;
              });
              for (const ssh of clients) {
                client += cpuOf(ssh.pid ?? 0);
                ssh.kill();
                await once(ssh, 'close');
              }
              await setTimeout(500); // until sshd has waited for its session and counts the session's time
              return { ssh: client };
            },
          );
          return result;
        }
      : null,
    chisel: has('chisel')
      ? async () => {
          const [port, local] = [await freePort(), await freePort()];
          const server = spawn('chisel', ['server', '--host', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
          started.push(server);
          await answers(port);
          const clients: ChildProcess[] = [];
          return cost(
            () => new Map([server, ...clients].map(({ pid = 0 }, index) => [pid, index === 0 ? 'server' : 'client'])),
            async () => {
              await throughPort(async (target) => {
                const remote = `127.0.0.1:${local}:127.0.0.1:${target}`;
                const client = spawn('chisel', ['client', `http://127.0.0.1:${port}`, remote], { stdio: 'ignore' });
                started.push(client);
                clients.push(client);
                await answers(local);
                return local;
              });
              return {};
            },
          );
        }
      : null,
  },
};

try {
  const file = openSync(path('file'), 'w');
  ftruncateSync(file, 0);
  for (let left = bytes; left > 0; left -= CHUNK.length) writeSync(file, CHUNK, 0, Math.min(left, CHUNK.length));
  closeSync(file);
  const comparison = new Comparison({
    name: 'cpu-per-gigabyte',
    title: 'What a gigabyte costs through the command line',
    unit: 'CPU seconds per GB, of all processes that take part',
  });
  const gigabytes = bytes / 1e9;
  const missing = new Set<string>();
  const last = new Map<string, Cost>();
  for (let turn = 0; turn < TURNS; turn++)
    for (const [row, contestants] of Object.entries(ways))
      for (const [name, way] of Object.entries(contestants)) {
        if (only.length > 0 && !only.some((one) => `${row} ${name}`.includes(one))) continue;
        if (way === null) {
          missing.add(name);
          continue;
        }
        const parts = await way();
        comparison.add(row, name, Object.values(parts).reduce((sum, seconds) => sum + seconds, 0) / gigabytes);
        if (name.startsWith('sws')) last.set(`${row}, ${name}`, parts);
      }
  for (const [what, parts] of last) {
    const told = Object.entries(parts).map(([name, seconds]) => `${name} ${figure(seconds / gigabytes)}`);
    comparison.note(`${what}, in the last turn: ${told.join(', ')}.`);
  }
  for (const row of [A_FILE, A_PORT])
    if (comparison.samples(row, 'sws').length > 0) {
      const { median } = spreadOf(comparison.samples(row, 'sws'));
      comparison.note(
        `${row}: ${figure(median)} of at most ${TARGET_SECONDS}: ${median <= TARGET_SECONDS ? 'met' : 'not met'}.`,
      );
    }
  if (missing.size > 0) comparison.note(`Not installed where this was measured: ${[...missing].join(', ')}.`);
  comparison.finish(!isQuick && only.length === 0);
} finally {
  for (const child of started) child.kill();
  await relay.stop('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
