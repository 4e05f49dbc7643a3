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
/** How often a command looks whether the agent that another one starts is there. */
const POLL_MS = 25;
/** A command that starts the agent has so long; then another may. */
const START_MS = 15_000;
/** Its garbage is short-lived buffers: on a busy machine threads that help to collect them cost more than they bring. */
const NODE_FLAGS = ['--single-threaded-gc'];
/** No agent and none that can be started. */
const NOBODY: ReadonlySet<unknown> = new Set(['ENOENT', 'ECONNREFUSED']);

/** Whose agent, and how to prove that one may use it. */
export interface AgentAccess {
  readonly place: AgentPlace;
  readonly key: Buffer;
  /** The identity's file. */
  readonly identity: string;
}

/** Connects to the agent that runs; `null` where none does. @throws Error where it is no agent of this identity and version */
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
  if (wasCutOff) return null; // it is ending
  throw new Error(
    `the process at ${place.socket} is not an agent of this identity and this version of sws: end that process`,
  );
}

/** Connects to the agent, which is started where none runs: of commands that begin at once, one starts it. @throws SwsError, Error */
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

/** Whether this command is the one that starts the agent; `late` where whoever was to do it has not. */
async function mayStart(path: string, late: boolean): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const text = await readFile(path, 'utf8').catch(() => '');
  // It is empty for a moment, until that command has written its process id.
  if (late || (text !== '' && !isRunning(Number(text)))) await rm(path, { force: true });
  return false;
}

/** Starts the agent, and resolves when it serves. @throws SwsError with why it could not begin */
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

/** The first line of a stream, which is not read further; empty where it has none. */
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
