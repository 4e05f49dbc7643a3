import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type Command, MAIN, useStage } from './sws.js';

const stage = useStage();
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const RELAY = `import { startRelay } from '@sws/relay';
await startRelay({ port: 8787, hosts: ['10.77.0.1:8787'], chat: false });
console.log('ready');`;
const ECHO = `require('node:net').createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', function () {
  console.log('port ' + this.address().port);
});`;

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' });
}

/** Two machines with a cable between them: network namespaces with a veth pair. */
class Machines {
  readonly here = `sws-here-${process.pid}`;
  readonly there = `sws-there-${process.pid}`;

  make(): void {
    for (const name of [this.here, this.there]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('-n', this.here, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', this.there);
    this.address('add', this.here, '10.77.0.2');
    this.address('add', this.there, '10.77.0.1');
    for (const name of [this.here, this.there]) ip('-n', name, 'link', 'set', 'cable', 'up');
  }
  address(change: 'add' | 'del', name: string, address: string): void {
    ip('-n', name, 'address', change, `${address}/24`, 'dev', 'cable');
  }
  remove(): void {
    for (const name of [this.here, this.there]) {
      try {
        ip('netns', 'del', name);
      } catch {
        // It was not made.
      }
    }
  }
}

const machines = new Machines();
afterEach(() => machines.remove());

function canMakeMachines(): boolean {
  try {
    machines.make();
    return true;
  } catch {
    return false;
  } finally {
    machines.remove();
  }
}

test.skipIf(!canMakeMachines())('a transfer and a port continue when one machine’s address changes', async () => {
  machines.make();
  const on = (machine: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Command =>
    stage.now.spawn('ip', ['netns', 'exec', machine, ...args], env);
  const relay = on(machines.there, ['sh', '-c', 'cd "$0" && exec "$@"', PACKAGE, process.execPath, '-e', RELAY]);
  await relay.prints(/ready/);
  const sws = (machine: string, user: string, ...args: string[]): Command =>
    on(machine, [process.execPath, MAIN, ...args], {
      XDG_CONFIG_HOME: stage.now.path(user),
      SWS_RELAY: 'ws://10.77.0.1:8787',
    });
  const there = (...args: string[]): Command => sws(machines.there, 'bob', ...args);
  const here = (...args: string[]): Command => sws(machines.here, 'alice', ...args);

  const port = await on(machines.there, [process.execPath, '-e', ECHO]).prints(/port (\d+)/);
  const receiver = there('recv', '--out', 'in', '--accept-all', '--once', '--json');
  const to = await receiver.prints(/"address":"([0-9a-f]{64})"/);
  const served = there('serve', port, '--accept-all');
  await served.says(/serving/);
  const opened = here('open', to, '--port', '0');
  const local = await opened.says(/127\.0\.0\.1:(\d+) leads/);
  const client = on(machines.here, ['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${local}; cat <&3 & exec cat >&3`]);
  client.child.stdin.write('before ');
  await client.prints(/before/);
  const bytes = randomBytes(2_000_000);
  const sender = here('send', '-', '--name', 'file', to);
  sender.child.stdin.write(bytes.subarray(0, 1_000_000));
  await receiver.prints(/"event":"receiving"/);

  machines.address('del', machines.here, '10.77.0.2');
  machines.address('add', machines.here, '10.77.0.3');
  sender.child.stdin.end(bytes.subarray(1_000_000));
  client.child.stdin.write('after');
  await client.prints(/before after/);
  expect([await sender.exit, await receiver.exit]).toEqual([0, 0]);
  expect((await readFile(stage.now.path('in', 'file'))).equals(bytes)).toBe(true);
  expect(sender.errors).toContain('reconnected');
});
