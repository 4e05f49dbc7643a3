import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** sshd must be started by its absolute path, because it starts itself again for each connection. */
const SSHD = '/usr/sbin/sshd';
const START_MS = 20_000;

/**
 * Whether this machine has OpenSSH's client and server. Tests that need them are skipped without them, and their titles
 * say so.
 */
export const hasSsh = spawnSync(SSHD, ['-V']).error === undefined && spawnSync('ssh', ['-V']).error === undefined;

/** A separate sshd on a loopback port, for the current user with a key in its folder. */
export class SshServer {
  readonly port: number;
  /** The path of a client configuration for `ssh -F`. It contains the hosts of `start`. */
  readonly clientConfig: string;
  readonly #child: ChildProcess;

  private constructor(port: number, clientConfig: string, child: ChildProcess) {
    this.port = port;
    this.clientConfig = clientConfig;
    this.#child = child;
  }

  /** Starts the server. `folder` is the absolute path of a new folder; `hosts` are `Host` blocks for the client. */
  static async start(folder: string, hosts: string): Promise<SshServer> {
    const path = (name: string): string => join(folder, name);
    for (const name of ['host', 'user']) {
      const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(name)]);
      if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`);
    }
    await copyFile(path('user.pub'), path('authorized'));
    const port = await freePort();
    const server = {
      Port: port,
      ListenAddress: '127.0.0.1',
      HostKey: path('host'),
      AuthorizedKeysFile: path('authorized'),
      PidFile: 'none',
      StrictModes: 'no',
      UsePAM: 'no',
      PasswordAuthentication: 'no',
      PermitRootLogin: 'yes',
      Subsystem: 'sftp internal-sftp',
    };
    const lines = Object.entries(server).map(([key, value]) => `${key} ${value}\n`);
    await writeFile(path('sshd_config'), lines.join(''));
    const client = `IdentityFile ${path('user')}\nStrictHostKeyChecking no\nUserKnownHostsFile ${path('known')}\nLogLevel ERROR\n`;
    await writeFile(path('config'), `${client}${hosts}`);
    // Debian's sshd needs this folder, which init creates. A user who cannot create it does not need it.
    await mkdir('/run/sshd', { recursive: true }).catch(() => {});
    const child = spawn(SSHD, ['-D', '-f', path('sshd_config'), '-E', path('log')], { stdio: 'ignore' });
    const sshServer = new SshServer(port, path('config'), child);
    await answers(port);
    return sshServer;
  }

  /** Its CPU time includes that of ended sessions. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }
  stop(): void {
    this.#child.kill();
  }
}

/** Resolves when something listens on a loopback port. Rejects if nothing does within 20 s. */
export async function answers(port: number): Promise<void> {
  const untilMs = performance.now() + START_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (cause) {
      if (performance.now() > untilMs) throw new Error(`nothing listens on port ${port}`, { cause });
      await delay(50);
    } finally {
      socket.destroy();
    }
  }
}
