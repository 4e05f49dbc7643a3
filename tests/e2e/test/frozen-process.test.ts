import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ClientSecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import { afterEach, expect, test } from 'vitest';

const SWS = fileURLToPath(new URL('../../../apps/cli/dist/main.js', import.meta.url));
let relay: Relay;
let child: ChildProcess;

afterEach(async () => {
  child.kill('SIGKILL');
  await relay.close();
});

/** Gives the next line of a process's output that matches a pattern. */
function linesOf(stream: NodeJS.ReadableStream): (pattern: RegExp) => Promise<string> {
  const lines = createInterface({ input: stream })[Symbol.asyncIterator]();
  return async (pattern) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the process ended before ${pattern}`);
      if (pattern.test(value)) return value;
    }
  };
}

/** The next event of this name. */
function next(target: EventTarget, type: string): Promise<Event> {
  return new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
}

test.skipIf(process.platform === 'win32')(
  'a process frozen until the relay drops it resumes',
  { timeout: 60_000 },
  async () => {
    relay = await startRelay({ port: 0, chat: false, keepalive: 5 });
    child = spawn(process.execPath, [
      SWS,
      'listen',
      '--accept-all',
      '--ephemeral',
      '--json',
      '--keep',
      '--relay',
      relay.url,
    ]);
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    const [said, reported] = [linesOf(stdout), linesOf(stderr)];
    const { address } = JSON.parse(await reported(/"listening"/)) as { address: string };
    const socket = new ClientSecureWebSocket(`${relay.url}${address}`, [], {
      identity: Identity.generate(randomBytes, nodeProvider),
    });
    await next(socket, 'open');
    socket.send('before\n');
    await said(/^before$/);

    child.kill('SIGSTOP');
    socket.send('while it was frozen\n');
    // The relay hears nothing of it, and closes its connection.
    await expect.poll(() => relay.size, { timeout: 30_000 }).toBe(1);

    child.kill('SIGCONT');
    expect(await said(/./)).toBe('while it was frozen');
    socket.send('after\n');
    expect(await said(/./)).toBe('after');
    await socket.delivered();
    const closed = next(socket, 'close');
    socket.close();
    await closed;
    expect(socket.readyState).toBe(ClientSecureWebSocket.CLOSED);
  },
);
