/** Close code of an end whose command was stopped or killed. A transfer in progress can be resumed. */
export const STOPPED = 4001;
/** Close code for a peer that connects while the command has no room for it. */
export const BUSY = 3001;

/** How a line ended. */
export interface LineEnd {
  readonly closeCode: number;
  readonly reason: string;
  /** Why it ended without a clean close; `null` if both ends closed. */
  readonly failure: { readonly code: string; readonly detail: string } | null;
  /** Written bytes that the peer's process has not acknowledged. */
  readonly pendingBytes: number;
}

/** An open channel to a peer, over this process's or another process's connection to the relay. */
export interface Line {
  readonly peer: string;
  /** Path and query, which only the peer sees. */
  readonly resource: string;
  /** The agreed subprotocol; empty for none. */
  readonly protocol: string;
  /** Resolves once the line has ended. It never rejects. */
  readonly closed: Promise<LineEnd>;
  /**
   * Written bytes that the peer's process has not acknowledged. It is not exact if another process holds the channel.
   */
  readonly pendingBytes: number;
  /**
   * The next text or bytes; `null` once there are no more. A reader that does not read holds the peer back. The ends of
   * binary messages are not reported.
   */
  read(): Promise<string | Uint8Array | null>;
  /**
   * Resolves once there is room for more, with false if nothing can be sent any more. Do not change the bytes
   * afterwards.
   */
  write(message: string | Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Closes after everything written. `closeCode` must be 1000 or 3000–4999, `reason` at most 123 bytes of UTF-8. */
  close(closeCode: number, reason?: string): void;
  /** Reads and drops further data, to receive the peer's close after it. */
  drain(): void;
}

/** Reads to the end, and drops the data. */
export async function drainLine(line: Pick<Line, 'read'>): Promise<void> {
  while ((await line.read()) !== null);
}
