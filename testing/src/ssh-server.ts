import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** sshd must be started by its whole path: it starts itself again for each connection. */
const SSHD = '/usr/sbin/sshd';
const START_MS = 20_000;

/** Whether this machine has OpenSSH, both ends; tests that need it are skipped by name where it has not. */
export const hasSsh = spawnSync(SSHD, ['-V']).error === undefined && spawnSync('ssh', ['-V']).error === undefined;

/** An sshd of one's own on a loopback port, for the user who runs it and a key in its folder. */
export class SshServer {
  readonly port: number;
  /** A client's configuration for `ssh -F`, to which hosts are added. */
  readonly clientConfig: string;
  readonly #child: ChildProcess;

  private constructor(port: number, clientConfig: string, child: ChildProcess) {
    this.port = port;
    this.clientConfig = clientConfig;
    this.#child = child;
  }

  /** `folder` is a new one, by its whole path; `hosts` are `Host` blocks of the client. */
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
    // Debian's sshd wants this folder, which only a machine that was started by init has. Without a right to make it, it is not needed.
    await mkdir('/run/sshd', { recursive: true }).catch(() => {});
    const child = spawn(SSHD, ['-D', '-f', path('sshd_config'), '-E', path('log')], { stdio: 'ignore' });
    const sshServer = new SshServer(port, path('config'), child);
    await answers(port);
    return sshServer;
  }

  /** Its CPU time has in it that of the sessions that have ended. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }
  stop(): void {
    this.#child.kill();
  }
}

/** Resolves when something listens on a loopback port. */
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
