import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '@sws/testing/child';
import { readUsage } from '@sws/testing/usage';
import { RelayChild } from './relay-child.js';

const SWS = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));
const POLL_MS = 20;
const BLOCK_BYTES = 1_048_576;
const ROLES = ['sender', 'relay', 'receiver'] as const;
type Role = (typeof ROLES)[number];

/** A file from `sws send` to `sws recv`, and the processes that are killed (SIGKILL) and started again meanwhile. */
export interface FileScenario {
  readonly bytes: number;
  /** The kills in order, spread over the file. */
  readonly kills: readonly Role[];
  /** How long the relay stays away. */
  readonly relayDownMs: number;
  /** The relay's rate limit for each end. */
  readonly bytesPerSecond: number;
  readonly timeoutMs: number;
}

export interface FileFigures {
  readonly seconds: number;
  /** SHA-256 of the original, as each end reported it, and of the file on the receiver's disk. */
  readonly digests: Readonly<Record<'made' | 'sender' | 'receiver' | 'disk', string>>;
  readonly exits: Readonly<Record<'sender' | 'receiver', number | null>>;
  /** The size of the partial file at each kill. */
  readonly killed: readonly { readonly who: Role; readonly atBytes: number }[];
  /** The offset at which each attempt of a sender began. */
  readonly offsets: readonly number[];
  /** How often a sender reported that it was connected again. */
  readonly reconnections: number;
  /** The names in the receiver's folder. */
  readonly names: readonly string[];
  /** The peak resident memory of each role and of any agent; `null` without `/proc`. */
  readonly peakRssBytes: Readonly<Record<Role | 'agent', number>> | null;
}

/** Runs a scenario with the built command line. Rejects if a process fails or hangs. */
export async function runFile(scenario: FileScenario): Promise<FileFigures> {
  const { bytes, kills, relayDownMs, bytesPerSecond, timeoutMs } = scenario;
  const folder = await mkdtemp(join(tmpdir(), 'sws-file-'));
  const path = (...names: string[]): string => join(folder, ...names);
  const relay = await RelayChild.start({
    options: { limits: { bytesPerSecond }, addressLimits: { bytesPerSecond: 4 * bytesPerSecond } },
  });
  const peak: Record<Role | 'agent', number> = { sender: 0, relay: 0, receiver: 0, agent: 0 };
  const offsets: number[] = [];
  let reconnections = 0;
  let watching: NodeJS.Timeout | undefined;
  const children: Child[] = [];
  try {
    const made = await makeFile(path('file'), bytes);
    const start = (who: 'sender' | 'receiver', args: readonly string[]): Promise<Child> =>
      Child.start({
        name: who,
        command: process.execPath,
        args: [SWS, ...args, '--json', '--identity', path(who)],
        env: { SWS_RELAY: relay.url(), XDG_RUNTIME_DIR: path('run') },
      });
    const receive = (): Promise<Child> => start('receiver', ['recv', '--out', path('in'), '--accept-all', '--once']);
    let receiver = await receive();
    children.push(receiver);
    const { address } = receiver.readyReport;
    const started = performance.now();
    const send = (): Promise<Child> => start('sender', ['send', '--wait', '60', path('file'), String(address)]);
    let sender = await send();
    children.push(sender);
    const collect = (child: Child): void => {
      const take = (report: Child['reports'][number]): void => {
        if (report.event === 'sending') offsets.push(Number(report.offset));
        if (report.event === 'reconnected') reconnections++;
      };
      child.reports.forEach(take);
      child.on('report', take);
    };
    collect(sender);
    watching = setInterval(() => {
      for (const [who, child] of [
        ['sender', sender],
        ['relay', relay.child],
        ['receiver', receiver],
      ] as const)
        peak[who] = Math.max(peak[who], child.usage()?.peakRssBytes ?? 0);
      for (const pid of agents(path('run', 'sws')))
        peak.agent = Math.max(peak.agent, readUsage(pid)?.peakRssBytes ?? 0);
    }, 10 * POLL_MS);

    const killed: { who: Role; atBytes: number }[] = [];
    for (const [index, who] of kills.entries()) {
      const atBytes = await partReaches(path('in'), Math.floor((bytes * (index + 1)) / (kills.length + 1)), timeoutMs);
      killed.push({ who, atBytes });
      if (who === 'relay') await relay.crash(relayDownMs);
      else if (who === 'sender') {
        await sender.stop('SIGKILL');
        sender = await send();
        children.push(sender);
        collect(sender);
      } else {
        await receiver.stop('SIGKILL');
        receiver = await receive();
        children.push(receiver);
      }
    }
    const late = AbortSignal.timeout(timeoutMs);
    const hung = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new Error(`not done in ${timeoutMs} ms: ${sender.stderr}`)));
    });
    const exits = await Promise.race([Promise.all([sender.exited, receiver.exited]), hung]);
    const seconds = (performance.now() - started) / 1_000;
    const said = (child: Child): string =>
      String(child.reports.find(({ event }) => event === 'stored')?.sha256 ?? 'nothing');
    const names = await readdir(path('in'));
    return {
      seconds,
      digests: {
        made,
        sender: said(sender),
        receiver: said(receiver),
        disk: names.includes('file') ? await digestOf(join(path('in'), 'file')) : 'nothing',
      },
      exits: { sender: exits[0], receiver: exits[1] },
      killed,
      offsets,
      reconnections,
      names,
      peakRssBytes: peak.relay === 0 ? null : peak,
    };
  } finally {
    clearInterval(watching);
    await Promise.all(children.map((child) => child.stop('SIGKILL')));
    await relay.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is wrong with the figures. Empty if the file arrived whole and once, and only the first attempt began at 0. */
export function fileComplaints({ bytes, kills }: FileScenario, figures: FileFigures): readonly string[] {
  const { digests, exits, offsets, reconnections, names, killed } = figures;
  const wrong: string[] = [];
  const expect = (holds: boolean, complaint: string): void => {
    if (!holds) wrong.push(complaint);
  };
  expect(new Set(Object.values(digests)).size === 1, `the digests differ: ${JSON.stringify(digests)}`);
  expect(exits.sender === 0 && exits.receiver === 0, `exit codes ${exits.sender} and ${exits.receiver}`);
  expect(names.join() === 'file', `in the folder: ${names.join()}`);
  expect(killed.length === kills.length, `${killed.length} of ${kills.length} kills happened before the end`);
  // A relay's crash ends no attempt: the channel survives it.
  const ends = kills.filter((who) => who !== 'relay').length;
  const crashes = kills.length - ends;
  expect(reconnections >= crashes, `${reconnections} reconnections told of ${crashes} relays that were killed`);
  const [first, ...later] = offsets;
  expect(first === 0, `the first attempt began at ${first}`);
  expect(later.length === ends, `${later.length} further attempts for ${ends} ends that were killed`);
  for (const offset of later) expect(offset > 0 && offset < bytes, `an attempt began at ${offset}`);
  return wrong;
}

async function makeFile(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  async function* blocks(): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
      const block = randomBytes(Math.min(left, BLOCK_BYTES));
      hash.update(block);
      yield block;
    }
  }
  await pipeline(blocks, createWriteStream(path));
  return hash.digest('hex');
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** The process ids of all agents that have run, from their files. */
export function agents(runtimeFolder: string): number[] {
  try {
    return readdirSync(runtimeFolder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => Number((JSON.parse(readFileSync(join(runtimeFolder, name), 'utf8')) as { pid: number }).pid));
  } catch {
    return []; // no file yet, or one that is being written
  }
}

/** Waits until the partial file in a folder has this many bytes; resolves with its size. */
async function partReaches(folder: string, bytes: number, timeoutMs: number): Promise<number> {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end) {
    const names = await readdir(folder);
    const part = names.find((name) => name.endsWith('.part'));
    const size =
      part === undefined
        ? 0
        : await stat(join(folder, part))
            .then(({ size }) => size)
            .catch(() => 0);
    if (size >= bytes) return size;
    if (names.includes('file')) throw new Error(`the file was whole before ${bytes} bytes were seen`);
    await delay(POLL_MS);
  }
  throw new Error(`the part did not come to ${bytes} bytes in ${timeoutMs} ms`);
}
