import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child } from '@sws/testing/child';
import { freePort } from '@sws/testing/free-port';
import { answers, SshServer } from '@sws/testing/ssh-server';
import { RelayChild } from './relay-child.js';

const SWS = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));
const run = promisify(execFile);

/** ssh, git, a database client and a file transfer use one identity at once, while the relay is killed repeatedly. */
export interface SharedIdentityScenario {
  readonly kills: number;
  readonly everyMs: number;
  /** How long the relay stays away. */
  readonly downMs: number;
  /** The size of the sent file, in bytes. */
  readonly fileBytes: number;
}

export interface SharedIdentityFigures {
  /** What is wrong; empty if the programs noticed only pauses. */
  readonly complaints: readonly string[];
  /** How many answers each program received. */
  readonly done: Readonly<Record<'ssh' | 'git' | 'redis', number>>;
  /** The longest wait of each program for an answer, in ms. */
  readonly longestMs: Readonly<Record<'ssh' | 'git' | 'redis', number>>;
  readonly seconds: number;
}

/** The time limit for each answer of a program. It includes the time that the relay is away. */
const ANSWER_MS = 60_000;
const PAUSE_MS = 50;

/** One user of the machine, with a config folder, a runtime folder and a relay. */
class User {
  readonly env: NodeJS.ProcessEnv;
  readonly #children: Child[];

  constructor(name: string, folder: string, relay: string, children: Child[]) {
    this.env = { XDG_CONFIG_HOME: join(folder, name), XDG_RUNTIME_DIR: join(folder, 'run'), SWS_RELAY: relay };
    this.#children = children;
  }

  /** Runs a command to its end; resolves with its output. */
  async sws(...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [SWS, ...args], { env: { ...process.env, ...this.env } });
    return stdout.trim();
  }
  /** Starts a command with `--json`, and waits for its first event. */
  async start(...args: string[]): Promise<Child> {
    const env = this.env as Record<string, string>;
    const name = `sws ${args[0]}`;
    const child = await Child.start({ name, command: process.execPath, args: [SWS, ...args, '--json'], env });
    this.#children.push(child);
    return child;
  }
}

/** Counts a program's answers, and keeps its longest wait. */
class Tally {
  done = 0;
  longestMs = 0;

  async count<T>(work: () => Promise<T>): Promise<T> {
    const beganMs = performance.now();
    const result = await work();
    this.done++;
    this.longestMs = Math.max(this.longestMs, performance.now() - beganMs);
    return result;
  }
}

/** Runs the scenario with the built command line. Needs sshd, git and redis-server. Rejects if a program fails. */
export async function runSharedIdentity(scenario: SharedIdentityScenario): Promise<SharedIdentityFigures> {
  const { kills, everyMs, downMs, fileBytes } = scenario;
  const folder = await mkdtemp(join(tmpdir(), 'sws-one-'));
  const bytesPerSecond = 1_000_000_000;
  const relay = await RelayChild.start({
    options: { limits: { bytesPerSecond }, addressLimits: { bytesPerSecond: 4 * bytesPerSecond } },
  });
  const children: Child[] = [];
  const stops: (() => void)[] = [];
  const began = performance.now();
  try {
    const [alice, bob] = ['alice', 'bob'].map((name) => new User(name, folder, relay.url(), children)) as [User, User];
    const [aliceKey, bobKey] = [await alice.sws('id'), await bob.sws('id')];
    await alice.sws('contacts', 'add', 'bob', bobKey);
    await mkdir(join(folder, 'ssh'), { mode: 0o700 });
    const proxy = `ProxyCommand ${process.execPath} ${SWS} connect --wait 30 %h/ssh`;
    const sshd = await SshServer.start(join(folder, 'ssh'), `Host bob\n  ${proxy}\n`);
    stops.push(() => sshd.stop());
    const redisPort = await freePort();
    const redisArgs = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    const redis = spawn('redis-server', redisArgs, { stdio: 'ignore' });
    stops.push(() => redis.kill());
    await answers(redisPort);

    await bob.start('serve', `ssh=${sshd.port}`, `redis=${redisPort}`, '--allow', aliceKey);
    await bob.start('recv', '--out', join(folder, 'in'), '--allow', aliceKey);
    const opened = await alice.start('open', 'bob/redis', '--port', '0', '--wait', '30');
    const file = randomBytes(fileBytes);
    await writeFile(join(folder, 'file'), file);
    const env = { ...process.env, ...alice.env };
    const ssh = new Shell(spawn('ssh', ['-F', sshd.clientConfig, 'bob', 'cat'], { env }));
    stops.push(() => ssh.kill());
    const git = await Repository.make(folder, sshd.clientConfig, env);
    const database = new Counter(connect(Number(opened.readyReport.port), '127.0.0.1'));
    stops.push(() => database.close());
    const sent = alice.start('send', '--wait', '60', join(folder, 'file'), 'bob');

    let over = false;
    const tallies = { ssh: new Tally(), git: new Tally(), redis: new Tally() };
    const again = async (tally: Tally, work: () => Promise<void>): Promise<void> => {
      while (!over) {
        await tally.count(work);
        await delay(PAUSE_MS);
      }
      await tally.count(work);
    };
    const killing = (async () => {
      for (let count = 0; count < kills; count++) {
        await delay(everyMs);
        await relay.crash(downMs);
      }
      await delay(everyMs / 2);
      over = true;
    })();
    await Promise.all([
      killing,
      again(tallies.ssh, () => ssh.echoes(randomBytes(40).toString('hex'))),
      again(tallies.git, () => git.push()),
      again(tallies.redis, () => database.increments()),
    ]);
    const sender = await sent;
    const sendExit = await sender.exited;
    const sshExit = await ssh.exit();

    const complaints: string[] = [];
    const expect = (holds: boolean, complaint: string): void => {
      if (!holds) complaints.push(complaint);
    };
    expect(sendExit === 0, `send ended with ${sendExit}: ${sender.stderr}`);
    expect((await readFile(join(folder, 'in', 'file'))).equals(file), 'the file is not what was sent');
    expect(sshExit === 0, `ssh ended with ${sshExit}`);
    expect(await git.isWhole(), 'the repository does not have what was pushed');
    const agents = (await readdir(join(folder, 'run', 'sws'))).filter((name) => name.endsWith('.sock'));
    expect(agents.length === 2, `${agents.length} agents for two identities`);
    const each = <T>(of: (tally: Tally) => T) => {
      return { ssh: of(tallies.ssh), git: of(tallies.git), redis: of(tallies.redis) };
    };
    return {
      complaints,
      done: each(({ done }) => done),
      longestMs: each(({ longestMs }) => Math.round(longestMs)),
      seconds: (performance.now() - began) / 1_000,
    };
  } finally {
    await Promise.all(children.map((child) => child.stop('SIGINT')));
    for (const stop of stops) stop();
    await relay.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** An ssh session that echoes each line. */
class Shell {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<number | null>;
  #errors = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin.on('error', () => {});
    child.stderr.on('data', (words: Buffer) => {
      this.#errors += words.toString();
    });
  }

  /** @throws Error if another line comes back, or none */
  async echoes(line: string): Promise<void> {
    this.#child.stdin.write(`${line}\n`);
    const { value } = await inTime(this.#lines.next(), 'ssh');
    if (value !== line) throw new Error(`ssh gave back ${value}: ${this.#errors}`);
  }

  exit(): Promise<number | null> {
    this.#child.stdin.end();
    return inTime(this.#ended, 'ssh');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** A database client with one connection. */
class Counter {
  readonly #socket: Socket;
  #count = 0;

  constructor(socket: Socket) {
    this.#socket = socket.on('error', () => {}); // a missing answer shows the failure
  }

  /** @throws Error if the answer is not the next number */
  async increments(): Promise<void> {
    this.#socket.write('INCR count\r\n');
    const [answer] = await inTime(once(this.#socket, 'data'), 'redis');
    this.#count++;
    if (String(answer) !== `:${this.#count}\r\n`) throw new Error(`redis said ${answer} at ${this.#count}`);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A repository that pushes to another one through ssh. */
class Repository {
  readonly #work: string;
  readonly #bare: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(work: string, bare: string, env: NodeJS.ProcessEnv) {
    this.#work = work;
    this.#bare = bare;
    this.#env = env;
  }

  static async make(folder: string, sshConfig: string, env: NodeJS.ProcessEnv): Promise<Repository> {
    const [work, bare] = [join(folder, 'work'), join(folder, 'bare.git')];
    await run('git', ['init', '-q', '--bare', bare]);
    await run('git', ['init', '-q', work]);
    const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
    return new Repository(work, bare, { ...env, ...who, GIT_SSH_COMMAND: `ssh -F ${sshConfig}` });
  }

  /** Commits and pushes a change. @throws git's Error */
  async push(): Promise<void> {
    await writeFile(join(this.#work, 'file'), randomBytes(100_000));
    await this.#git('add', '.');
    await this.#git('commit', '-qm', 'more');
    await this.#git('push', '-q', `bob:${this.#bare}`, 'HEAD:main');
  }

  async isWhole(): Promise<boolean> {
    const [ours, theirs] = [
      await this.#git('rev-parse', 'HEAD'),
      await this.#git('--git-dir', this.#bare, 'rev-parse', 'main'),
    ];
    await this.#git('--git-dir', this.#bare, 'fsck', '--strict');
    return ours === theirs;
  }

  async #git(...args: string[]): Promise<string> {
    return (await run('git', args, { cwd: this.#work, env: this.#env, timeout: ANSWER_MS })).stdout;
  }
}

async function inTime<T>(work: Promise<T>, who: string): Promise<T> {
  const late = new AbortController();
  const never = delay(ANSWER_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${who} did not answer in ${ANSWER_MS} ms`);
  });
  try {
    return await Promise.race([work, never]);
  } finally {
    late.abort();
    never.catch(() => {});
  }
}
