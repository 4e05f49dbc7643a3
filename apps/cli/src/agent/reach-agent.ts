import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SwsError } from '@sws/crypto';
import { greetAgent } from './greeting.js';
import { LocalSocket } from './local-socket.js';
import type { AgentPlace } from './place.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
/** How often a command checks for an agent that another command starts. */
const POLL_MS = 25;
/** How long a command may take to start the agent. After that, another may start it. */
const START_MS = 15_000;
/** The agent's garbage is short-lived buffers. On a busy machine, helper threads cost more than they save. */
const NODE_FLAGS = ['--single-threaded-gc'];
/** The errors of a socket without an agent. */
const NOBODY: ReadonlySet<unknown> = new Set(['ENOENT', 'ECONNREFUSED']);

/** An identity's agent, and the key to use it. */
export interface AgentAccess {
  readonly place: AgentPlace;
  readonly key: Buffer;
  /** The identity's file. */
  readonly identity: string;
}

/** Connects to a running agent; `null` if none runs. @throws Error if it has another identity or version */
export async function findAgent({ place, key }: AgentAccess): Promise<LocalSocket | null> {
  const socket = connect(place.socket);
  const local = new LocalSocket(socket);
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    socket.once('connect', () => resolve(null)).once('error', resolve);
  });
  if (failure !== null) {
    if (NOBODY.has(failure.code)) return null;
    throw failure;
  }
  if (await greetAgent(local, key)) return local;
  const wasCutOff = socket.readableEnded || socket.destroyed;
  local.destroy();
  if (wasCutOff) return null; // the agent is ending
  throw new Error(
    `the process at ${place.socket} is not an agent of this identity and this version of sws: end that process`,
  );
}

/**
 * Connects to the agent, and starts it if none runs. If several commands start at once, one starts it. @throws
 * SwsError, Error
 */
export async function reachAgent(access: AgentAccess): Promise<LocalSocket> {
  const sinceMs = performance.now();
  for (;;) {
    const found = await findAgent(access);
    if (found !== null) return found;
    const waitedMs = performance.now() - sinceMs;
    if (waitedMs > 2 * START_MS) throw new SwsError('agent-lost', 'could not start the agent of this identity');
    if (await mayStart(access.place.starting, waitedMs > START_MS)) await startAgent(access);
    else await delay(POLL_MS);
  }
}

/** Whether this command must start the agent. `late`: another command should have, but has not. */
async function mayStart(path: string, late: boolean): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const text = await readFile(path, 'utf8').catch(() => '');
  // The file is empty until the other command has written its process id.
  if (late || (text !== '' && !isRunning(Number(text)))) await rm(path, { force: true });
  return false;
}

/** Starts the agent. Resolves when it serves. @throws SwsError with the reason if it cannot */
async function startAgent({ place, identity }: AgentAccess): Promise<void> {
  try {
    const { SWS_PASSPHRASE: _, ...env } = process.env;
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, identity], {
      cwd: dirname(identity),
      detached: true,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
    });
    const line = await firstLine(child.stdout);
    child.unref();
    const { code, detail } =
      line === '' ? { code: 'agent-lost', detail: 'the agent exited at once' } : JSON.parse(line);
    if (code !== undefined) throw new SwsError(code, detail);
  } finally {
    await rm(place.starting, { force: true });
  }
}

/** Reads the first line of a stream, and nothing more; empty if there is none. */
async function firstLine(stream: Readable): Promise<string> {
  try {
    for await (const line of createInterface({ input: stream })) return line;
    return '';
  } finally {
    stream.destroy();
  }
}

/** Whether a process of that id runs on this machine. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
