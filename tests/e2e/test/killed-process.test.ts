import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startRelay } from '@sws/relay';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterEach, expect, test } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PROGRAM = `import { Endpoint } from '@sws/client';
process.on('warning', ({ code }) => console.log(code));
console.log(await new Endpoint(process.argv[1]).registered);`;

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

test.skipIf(process.platform === 'win32')(
  'a process that replaces a killed one waits for its lock, says so, and registers',
  { timeout: 60_000 },
  async () => {
    const folder = temporaryFolder();
    stops.push(folder.remove);
    const relay = await startRelay({ port: 0, chat: false });
    stops.push(() => relay.close());
    const start = (): ChildProcess => {
      const env = { ...process.env, XDG_CONFIG_HOME: folder.path('config'), NODE_NO_WARNINGS: '1' };
      const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, relay.url], { cwd: HERE, env });
      stops.push(() => child.kill('SIGKILL'));
      child.stdout?.setEncoding('utf8');
      return child;
    };
    const first = start();
    const [address] = await once(first.stdout as NodeJS.ReadableStream, 'data');
    first.kill('SIGKILL');
    await once(first, 'close');
    const second = start();
    let printed = '';
    second.stdout?.on('data', (text: string) => {
      printed += text;
    });
    await expect.poll(() => printed, { timeout: 30_000 }).toBe(`identity-in-use\n${address}`);
  },
);
