import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** The paths of an identity's agent. */
export interface AgentPlace {
  /** The local socket; on Windows, the named pipe. */
  readonly socket: string;
  /** A file that exists while a command starts the agent. It contains that command's process id. */
  readonly starting: string;
  /** The file of the agent that runs, or ran last. */
  readonly record: string;
}

/** The longest path that a local socket can have on every system, in bytes (`sun_path` of macOS, less the final 0). */
const MAX_SOCKET_PATH_BYTES = 103;

/** Returns the paths for an address. Creates their folder, which only the user can read. @throws Error if that fails */
export async function agentPlace(address: string): Promise<AgentPlace> {
  const folder = await runtimeFolder();
  const name = createHash('sha256').update(address).digest('hex').slice(0, 16);
  const file = (ending: string): string => join(folder, `${name}.${ending}`);
  const socket = process.platform === 'win32' ? `\\\\.\\pipe\\sws-${name}` : file('sock');
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES)
    throw new Error(
      `${socket} is too long for a local socket (${MAX_SOCKET_PATH_BYTES} bytes): set XDG_RUNTIME_DIR to a shorter path`,
    );
  return { socket, starting: file('starting'), record: file('json') };
}

async function runtimeFolder(): Promise<string> {
  const given = process.env.XDG_RUNTIME_DIR;
  const { uid } = userInfo();
  const folder = given !== undefined && given !== '' ? join(given, 'sws') : join(tmpdir(), `sws-${Math.max(uid, 0)}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const isOurs = process.platform === 'win32' || (found.uid === uid && (found.mode & 0o077) === 0);
  if (!found.isDirectory() || !isOurs)
    throw new Error(`${folder} must be a folder that only you can use: remove it, or set XDG_RUNTIME_DIR`);
  return folder;
}
