import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeHex, Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('..', import.meta.url));
/** Go's standard library has ML-KEM and HKDF from this version on. */
const NEEDED = [1, 24] as const;
/** Nothing that it is asked for takes this long. */
const PATIENCE_MS = 25_000;
const ENVIRONMENT = { ...process.env, GOTOOLCHAIN: 'local' };

/** The client in Go, built; or why it can't be. */
export type GoClient = { readonly binary: string } | { readonly missing: string };

/** Builds it where Go 1.24 or newer is, and its modules can be had. */
export async function buildGoClient(): Promise<GoClient> {
  const version = await run('go', ['env', 'GOVERSION'], { env: ENVIRONMENT }).catch(() => null);
  if (version === null) return { missing: 'go is not installed' };
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version.stdout) ?? []).map(Number);
  if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1]))
    return { missing: `${version.stdout.trim()} is older than go${NEEDED.join('.')}` };
  const options = { cwd: SOURCE, env: ENVIRONMENT };
  const modules = await run('go', ['mod', 'download'], options).catch((error: { stderr: string }) => error);
  if (modules instanceof Error) return { missing: `its modules cannot be had: ${modules.stderr.trim().slice(0, 200)}` };
  const binary = fileURLToPath(new URL('../.cache/sws-peer', import.meta.url));
  await run('go', ['build', '-buildvcs=false', '-o', binary, './cmd/sws-peer'], options);
  return { binary };
}

/** Runs one of Go's own checks over the client's source; rejects with what it says. */
export async function checkGo(...command: string[]): Promise<string> {
  const [program = '', ...args] = command;
  const { stdout } = await run(program, args, { cwd: SOURCE, env: ENVIRONMENT });
  return stdout;
}

/** What the client in Go says on its standard output. */
export type GoEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A running client in Go, told what to do. */
export class GoPeer {
  readonly identity = Identity.generate(randomBytes);
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #events: GoEvent[] = [];
  #wake: () => void = () => {};
  #errors = '';
  #over = false;

  constructor(binary: string, relayUrl: string, encoding: 'binary' | 'json') {
    const seed = encodeHex(this.identity.exportSeed());
    this.#process = spawn(binary, ['-relay', relayUrl.replace(/^http/, 'ws'), '-encoding', encoding, '-seed', seed]);
    this.#process.stderr.on('data', (text) => {
      this.#errors += text;
    });
    createInterface(this.#process.stdout).on('line', (line) => {
      this.#events.push(JSON.parse(line));
      this.#wake();
    });
    this.#process.once('exit', () => {
      this.#over = true;
      this.#wake();
    });
  }

  tell(command: { readonly do: string } & Readonly<Record<string, unknown>>): void {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** The next event of this name, past or to come. Rejects, with what was said instead, if the process ends or time is up. */
  async next(event: string): Promise<GoEvent> {
    const deadline = Date.now() + PATIENCE_MS;
    const timer = setTimeout(() => this.#wake(), PATIENCE_MS);
    try {
      return await this.#until(event, deadline);
    } finally {
      clearTimeout(timer);
    }
  }

  async #until(event: string, deadline: number): Promise<GoEvent> {
    for (;;) {
      const at = this.#events.findIndex((one) => one.event === event);
      const found = this.#events[at];
      if (found !== undefined) {
        this.#events.splice(at, 1);
        return found;
      }
      if (this.#over) throw new Error(`the Go client ended before ${event}: ${this.#errors}`);
      if (Date.now() >= deadline) {
        const said = this.#events.map((one) => JSON.stringify(one).slice(0, 200));
        throw new Error(`no ${event} from the Go client, only ${said.join(' ')}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    if (this.#over) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }
}
