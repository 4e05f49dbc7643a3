import { SwsError } from '@sws/crypto';
import type { LocalSocket } from '../agent/local-socket.js';
import type { Line, LineEnd } from './line.js';

/** The failure of a line whose agent is gone. */
export const AGENT_LOST = {
  code: 'agent-lost',
  detail: 'the process that held the connection to the relay ended (sws agent)',
} as const;

/** A line over a separate local socket to the agent, which holds the channel. */
export class AgentLine implements Line {
  readonly peer: string;
  readonly resource: string;
  readonly protocol: string;
  readonly closed: Promise<LineEnd>;
  readonly #local: LocalSocket;
  #writtenBytes = 0;
  #settle: (end: LineEnd) => void = () => {};
  #isOver = false;

  private constructor(local: LocalSocket, opened: Readonly<Record<string, unknown>>) {
    this.#local = local;
    this.peer = String(opened.peer);
    this.resource = String(opened.resource);
    this.protocol = String(opened.protocol);
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Resolves with the line that the agent opens in answer to a request. @throws SwsError if it does not */
  static async open(local: LocalSocket): Promise<AgentLine> {
    const answer = await local.nextJson();
    if (answer?.type === 'opened') return new AgentLine(local, answer);
    local.destroy();
    const { code, detail } = answer?.type === 'failed' ? answer : AGENT_LOST;
    throw new SwsError(String(code), String(detail));
  }

  get pendingBytes(): number {
    return this.#local.socket.writableLength;
  }

  async read(): Promise<string | Uint8Array | null> {
    if (this.#isOver) return null;
    const frame = await this.#local.next();
    if (frame?.kind === 'text') return frame.text;
    if (frame?.kind === 'bytes') return frame.bytes;
    this.#isOver = true;
    const { closeCode, reason, failure, takenBytes } = frame?.value ?? {};
    const why = frame === null ? AGENT_LOST : ((failure ?? null) as LineEnd['failure']);
    const pendingBytes = this.#writtenBytes - Number(takenBytes ?? 0);
    this.#settle({ closeCode: Number(closeCode ?? 1006), reason: String(reason ?? ''), failure: why, pendingBytes });
    this.#local.destroy();
    return null;
  }

  async write(message: string | Uint8Array): Promise<boolean> {
    if (this.#isOver) return false;
    if (typeof message !== 'string') this.#writtenBytes += message.length;
    return (await this.#local.write(message)) && !this.#isOver;
  }

  close(closeCode: number, reason = ''): void {
    this.#local.writeJson({ type: 'close', closeCode, reason });
  }

  drain(): void {
    this.#local.writeJson({ type: 'drain' });
    void (async () => {
      while ((await this.read()) !== null);
    })();
  }

  /** Ends at once: the agent closes the channel. */
  abandon(): void {
    this.#local.destroy();
  }
}
