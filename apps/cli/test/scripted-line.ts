import { decodeHex, encodeHex } from '@sws/crypto';
import type { Line, LineEnd } from '../dist/station/line.js';

/** A message as vectors write it. */
export type Said = { readonly text: string } | { readonly bytes: string };
export type Closed = { readonly code: number; readonly reason: string };

/** What happens to one end, or what it must do next. */
export type Step =
  | { readonly peer: Said | { readonly close: Closed } }
  | { readonly sends: Said }
  | { readonly closes: Closed }
  | { readonly input: string | null };

/** A channel whose other end is a vector. */
export class ScriptedLine implements Line {
  readonly peer = '12'.repeat(32);
  readonly resource = '/';
  readonly protocol: string;
  readonly pendingBytes = 0;
  readonly closed: Promise<LineEnd>;
  readonly #done: Said[] = [];
  readonly #incoming: (string | Uint8Array | null)[] = [];
  #wakeReader = (): void => {};
  #wakeScript = (): void => {};
  #end: (end: LineEnd) => void = () => {};
  #closed: Closed | null = null;

  constructor(protocol: string) {
    this.protocol = protocol;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async read(): Promise<string | Uint8Array | null> {
    while (this.#incoming.length === 0)
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    return this.#incoming[0] === null ? null : (this.#incoming.shift() ?? null);
  }

  async write(message: string | Uint8Array): Promise<boolean> {
    if (this.#closed !== null) return false;
    this.#done.push(typeof message === 'string' ? { text: message } : { bytes: encodeHex(message) });
    this.#wakeScript();
    return true;
  }

  close(code: number, reason = ''): void {
    if (this.#closed !== null) return;
    this.#closed = { code, reason };
    this.#wakeScript();
    this.#hangUp(code, reason);
  }

  drain(): void {}

  /** The peer says something, or closes. */
  hear(said: Said | { readonly close: Closed }): void {
    if ('close' in said) {
      this.#closed ??= said.close;
      this.#hangUp(said.close.code, said.close.reason);
      return;
    }
    this.#incoming.push('text' in said ? said.text : (decodeHex(said.bytes) ?? new Uint8Array(0)));
    this.#wakeReader();
  }

  /** The next message that this end sends, or how it closes. */
  async next(): Promise<Said | { readonly close: Closed }> {
    for (;;) {
      const said = this.#done.shift();
      if (said !== undefined) return said;
      if (this.#closed !== null) return { close: this.#closed };
      await new Promise<void>((resolve) => {
        this.#wakeScript = resolve;
      });
    }
  }

  #hangUp(closeCode: number, reason: string): void {
    this.#incoming.push(null);
    this.#wakeReader();
    this.#end({ closeCode, reason, failure: null, pendingBytes: 0 });
  }
}
