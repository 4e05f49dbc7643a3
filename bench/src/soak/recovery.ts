// How long two ends need to reconnect: after a process was suspended for five minutes (a closed laptop), after the
// network of one end changed, and when the relay restarts while one end's timers are throttled (a background tab).
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { ClientSecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { Child } from '@sws/testing/child';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';

const SUSPENDED_MS = Number(process.argv[2] ?? 300) * 1_000;
/**
 * A dead connection is noticed within keepalive (15 s) and 5 s more, and dialled again within 10 s. With throttled timers,
 * the next of them dials.
 */
const MAX_RECOVERY_MS = { suspended: 15_000, network: 35_000, throttled: 75_000 } as const;

const folder = temporaryFolder();
const identity = ['--identity', folder.path('identity'), '--no-chat'];
let relay = await RelayProcess.start(['--port', '0', ...identity]);
const { port } = relay;

/** A proxy to the relay. It can stop forwarding on its present connections without closing them. */
const links: Socket[] = [];
const way = createServer((client) => {
  const onward = connect(port, '127.0.0.1');
  for (const [from, to] of [
    [client, onward],
    [onward, client],
  ] as const) {
    from.pipe(to, { end: false });
    from.on('error', () => {});
    from.on('close', () => to.destroy());
  }
  links.push(client, onward);
});
way.listen(0, '127.0.0.1');
await new Promise((resolve) => way.once('listening', resolve));
const wayUrl = `ws://127.0.0.1:${(way.address() as AddressInfo).port}/`;
const goDead = (): void => {
  for (const socket of links) {
    socket.unpipe();
    socket.pause();
    socket.removeAllListeners('close');
  }
};

const echo = (relayUrl: string, mode = 'plain'): Promise<Child> =>
  Child.start({
    name: mode,
    command: new URL('../children/echo-endpoint.js', import.meta.url),
    args: [relayUrl, mode],
  });

/** Opens a socket to a child and sends a message, to know that both ends are connected. */
async function talk(child: Child): Promise<(text: string) => Promise<number>> {
  const { address } = JSON.parse(child.readyLine) as { address: string };
  const options = { identity: Identity.generate(randomBytes), resumeTimeoutMs: 900_000 };
  const socket = new ClientSecureWebSocket(`${relay.url.replace('http', 'ws')}${address}`, [], options);
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  /** How long the answer takes. */
  const ask = (text: string): Promise<number> => {
    const from = performance.now();
    return new Promise((resolve, reject) => {
      socket.addEventListener('close', () => reject(new Error('the socket closed')), { once: true });
      socket.addEventListener('message', () => resolve(performance.now() - from), { once: true });
      socket.send(text);
    });
  };
  await ask('hello');
  return ask;
}

let failed = false;
function report(name: keyof typeof MAX_RECOVERY_MS, what: string, ms: number): void {
  const late = ms > MAX_RECOVERY_MS[name];
  failed ||= late;
  console.log(`${what}: ${(ms / 1_000).toFixed(1)} s${late ? `, over ${MAX_RECOVERY_MS[name] / 1_000} s: WRONG` : ''}`);
}

const suspended = await echo(relay.url);
const askSuspended = await talk(suspended);
suspended.signal('SIGSTOP');
const onNetwork = await echo(wayUrl);
const askOnNetwork = await talk(onNetwork);
goDead();
report(
  'network',
  'the network changed, and the other end says something at once',
  await askOnNetwork('are you there?'),
);
await wait(Math.max(0, SUSPENDED_MS - 60_000));
suspended.signal('SIGCONT');
report(
  'suspended',
  `suspended for ${SUSPENDED_MS / 1_000} s, from its end to the answer`,
  await askSuspended('good morning'),
);

const throttled = await echo(relay.url, 'throttled');
const askThrottled = await talk(throttled);
report('throttled', 'timers once a minute, nothing wrong', await askThrottled('hello'));
await relay.stop();
relay = await RelayProcess.start(['--port', String(port), ...identity]);
report('throttled', 'timers once a minute, and the relay was killed and started again', await askThrottled('back?'));

for (const child of [suspended, onNetwork, throttled]) child.signal('SIGKILL');
await relay.stop();
folder.remove();
process.exit(failed ? 1 : 0);
