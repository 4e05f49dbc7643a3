import { EventEmitter } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Endpoint, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import type { ServerSecureWebSocket } from '@sws/server';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, expect, test, vi } from 'vitest';
import { type Access, openAccessFiles, parseAllowedKeys, parseTokens, tokenAllows } from '../src/access.js';
import { AccessedSockets } from '../src/accessed-sockets.js';
import { startRelay } from '../src/index.js';
import { useCleanup } from './cleanup.js';

const folder = temporaryFolder();
const cleanup = useCleanup();
afterAll(folder.remove);
const PATIENCE = { timeout: 10_000, interval: 10 };

const someone = (): Identity => Identity.generate(randomBytes);

test('list files allow comments and blank lines, and name the line of a mistake', async () => {
  const [a, b] = [someone().publicKey, someone().publicKey];
  expect(await parseAllowedKeys(`# friends\n${a}   # Alice\n\n  ${b}\r\n`)).toEqual(
    new Map([a, b].map((key) => [key, null])),
  );
  expect(await parseAllowedKeys('')).toEqual(new Map());
  expect(await parseAllowedKeys(`${a} messages-per-second=5 bytes-per-second=65536 # Alice`)).toEqual(
    new Map([[a, { messagesPerSecond: 5, bytesPerSecond: 65_536 }]]),
  );
  await expect(parseAllowedKeys(`${a}\nnobody`)).rejects.toThrow(
    'line 2: a public key must be 64 lower-case hex digits',
  );
  await expect(parseAllowedKeys(a.toUpperCase())).rejects.toThrow('line 1');
  await expect(parseAllowedKeys('00'.repeat(32))).rejects.toThrow('line 1'); // of low order: nobody has it
  await expect(parseAllowedKeys(`${a} ${b}`)).rejects.toThrow(
    /^line 1: .* must be messages-per-second=N or bytes-per-second=N/,
  );
  await expect(parseAllowedKeys(`${a} messages-per-second=0`)).rejects.toThrow('line 1: messages-per-second=0 must be');
  const tokens = await parseTokens(`correct-horse-battery  # anyone\nsecond-token-of-ours ${a}\n`);
  expect(tokenAllows(tokens, b, 'correct-horse-battery')).toBe(true);
  expect(tokenAllows(tokens, a, 'second-token-of-ours')).toBe(true);
  expect(tokenAllows(tokens, b, 'second-token-of-ours')).toBe(false);
  expect(tokenAllows(tokens, a, null)).toBe(false);
  await expect(parseTokens('short')).rejects.toThrow('line 1: a token must have 16 to 1024 bytes');
  await expect(parseTokens('correct-horse-battery x')).rejects.toThrow('line 1: a public key');
  const twice = 'correct-horse-battery\ncorrect-horse-battery';
  await expect(parseTokens(twice)).rejects.toThrow(/^line 2: this token is on another line too$/);
});

test('a long list is read in parts, between which clients are served', async () => {
  const key = someone().publicKey;
  let turns = 0;
  let isRead = false;
  const count = (): void => {
    turns++;
    if (!isRead) setImmediate(count);
  };
  setImmediate(count);
  const keys = await parseAllowedKeys(`${key}\n`.repeat(20_000));
  isRead = true;
  expect(keys.size).toBe(1);
  expect(turns).toBeGreaterThanOrEqual(19);
});

async function privateRelay(files: { allow?: string; tokens?: string }) {
  const reloads: string[] = [];
  const paths = { allow: folder.path('allow'), tokens: folder.path('tokens') };
  for (const name of ['allow', 'tokens'] as const) writeFileSync(paths[name], files[name] ?? '');
  const access = await openAccessFiles({
    allow: files.allow === undefined ? null : paths.allow,
    tokens: files.tokens === undefined ? null : paths.tokens,
    onReload: (file, entries, error) =>
      reloads.push(error === null ? `${file} ${entries}` : `${file}: ${error.message}`),
    lookEveryMs: 50,
  });
  const relay = await startRelay({ port: 0, chat: false, access });
  cleanup.push(
    () => relay.close(),
    () => access.close(),
  );
  return { relay, access, reloads, paths };
}

let attempts = 0;
/** Connects, and gives its last state with the failure, if any. */
async function attempt(url: string, identity: Identity, token?: string): Promise<Endpoint> {
  // Sockets of one identity to one URL share a connection, for a while after the last is closed too: each has its own URL.
  const endpoint = new Endpoint(`${url}${++attempts}/`, { identity, ...(token === undefined ? {} : { token }) });
  cleanup.push(() => endpoint.close());
  await expect.poll(() => endpoint.state, PATIENCE).toMatch(/registered|down/);
  return endpoint;
}

/** How an attempt ends. */
async function outcome(url: string, identity: Identity, token?: string): Promise<string> {
  const endpoint = await attempt(url, identity, token);
  const { state } = endpoint;
  await endpoint.close();
  return state;
}

test('--allow admits only its keys; removed keys are closed, added ones admitted', async () => {
  const [alice, bob] = [someone(), someone()];
  const { relay, reloads, paths } = await privateRelay({ allow: `${alice.publicKey}\n` });
  const first = await attempt(relay.url, alice);
  expect(first.state).toBe('registered');
  expect(await outcome(relay.url, bob)).toBe('down');
  const failures: (string | undefined)[] = [];
  first.addEventListener('state', ({ failure }: StateEvent) => failures.push(failure?.code));

  // A list that can't be used changes nothing.
  writeFileSync(paths.allow, `${bob.publicKey}\n${bob.publicKey.slice(0, 20)}`);
  await expect.poll(() => reloads, PATIENCE).toEqual(['allow: line 2: a public key must be 64 lower-case hex digits']);
  expect(first.state).toBe('registered');

  // As an editor or a tool replaces it: another file, renamed.
  writeFileSync(`${paths.allow}.new`, `${bob.publicKey}\n`);
  renameSync(`${paths.allow}.new`, paths.allow);
  await expect.poll(() => first.state, PATIENCE).toBe('down');
  expect(failures[0]).toBe('forbidden');
  expect(await outcome(relay.url, bob)).toBe('registered');
  expect(await outcome(relay.url, alice)).toBe('down');
});

test('--tokens admits only clients with a token; removing it closes their connections', async () => {
  const { relay, access, paths } = await privateRelay({ tokens: 'token-number-one-x\ntoken-number-two-x\n' });
  const one = await attempt(relay.url, someone(), 'token-number-one-x');
  const two = await attempt(relay.url, someone(), 'token-number-two-x');
  expect([one.state, two.state]).toEqual(['registered', 'registered']);
  expect(await outcome(relay.url, someone())).toBe('down');
  expect(await outcome(relay.url, someone(), 'token-number-six-x')).toBe('down');
  writeFileSync(paths.tokens, 'token-number-two-x\n');
  await access.reload(); // as SIGHUP does
  await expect.poll(() => one.state, PATIENCE).toBe('down');
  expect(two.state).toBe('registered');
});

test('--allow and --tokens together need both; the error names a missing list', async () => {
  const alice = someone();
  const { relay } = await privateRelay({ allow: alice.publicKey, tokens: 'token-number-one-x' });
  expect(await outcome(relay.url, alice, 'token-number-one-x')).toBe('registered');
  expect(await outcome(relay.url, alice, 'token-number-six-x')).toBe('down');
  expect(await outcome(relay.url, someone(), 'token-number-one-x')).toBe('down');
  const missing = openAccessFiles({ allow: folder.path('missing'), tokens: null });
  await expect(missing).rejects.toThrow(/^allow: .*missing: ENOENT/);
});

test('a change of the lists closes a key’s newest socket, and none that has closed', () => {
  const allowed = new Set(['older', 'newer', 'gone']);
  const access: Access = { onchange: null, allows: (_, token) => token !== null && allowed.has(token) };
  const sockets = new AccessedSockets(access);
  const add = (publicKey: string, token: string) => {
    const socket = { publicKey, close: vi.fn() };
    const request = { socket: new EventEmitter() } as unknown as IncomingMessage;
    expect(sockets.authorize({ publicKey, token, request })).toBe(true);
    return { ...socket, closed: sockets.add(socket as unknown as ServerSecureWebSocket) };
  };
  const [older, newer, gone] = [add('a', 'older'), add('a', 'newer'), add('b', 'gone')];
  older.closed(); // after the newer one has taken its place
  gone.closed();
  allowed.clear();
  access.onchange?.();
  expect([older, newer, gone].map(({ close }) => close.mock.calls.length > 0)).toEqual([false, true, false]);
});
