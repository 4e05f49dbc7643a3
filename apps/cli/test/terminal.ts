import { type IPty, spawn } from '@lydell/node-pty';
import { afterEach, expect } from 'vitest';
import { MAIN, type Stage } from './sws.js';

export const SHOWS_MS = 40_000;
const terminals: IPty[] = [];
afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.kill('SIGKILL');
});

/** A program in a terminal, with a person before it. */
export class Terminal {
  /** All that was ever shown. */
  shown = '';
  readonly exit: Promise<number>;
  readonly #pty: IPty;

  constructor(stage: Stage, file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#pty = spawn(file, [...args], {
      cols: 120,
      rows: 30,
      cwd: stage.folder,
      env: {
        ...process.env,
        SWS_RELAY: stage.relay.url,
        XDG_RUNTIME_DIR: stage.path('run'),
        XDG_CONFIG_HOME: stage.path('bob'),
        ...env,
      },
    });
    terminals.push(this.#pty);
    this.#pty.onData((data) => {
      this.shown += data;
    });
    this.exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => resolve(exitCode));
    });
  }
  static sws(stage: Stage, ...args: string[]): Terminal {
    return new Terminal(stage, process.execPath, [MAIN, ...args], { SWS_PASSPHRASE: '' });
  }
  type(keys: string): void {
    this.#pty.write(keys);
  }
  /** Waits for words; resolves with the first group, or all of it. */
  async shows(pattern: RegExp): Promise<string> {
    await expect.poll(() => this.shown, { timeout: SHOWS_MS }).toMatch(pattern);
    const match = pattern.exec(this.shown);
    return match?.[1] ?? match?.[0] ?? '';
  }
}
