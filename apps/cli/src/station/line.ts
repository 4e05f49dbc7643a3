/** Close code of an end whose command was stopped, or killed. What was under way can be resumed. */
export const STOPPED = 4001;
/** Close code towards a peer that came while the command has no room for it. */
export const BUSY = 3001;

/** How a line ended. */
export interface LineEnd {
  readonly closeCode: number;
  readonly reason: string;
  /** Why it ended without a clean close; `null` where both ends closed. */
  readonly failure: { readonly code: string; readonly detail: string } | null;
  /** Bytes that were written and that the peer's process is not known to have. */
  readonly pendingBytes: number;
}

/** An open channel to a peer, whichever process holds the connection to the relay. */
export interface Line {
  readonly peer: string;
  /** Path and query, for the peer alone. */
  readonly resource: string;
  /** The subprotocol agreed on; empty for none. */
  readonly protocol: string;
  /** Resolves once it is over; never rejects. */
  readonly closed: Promise<LineEnd>;
  /** Bytes written that the peer's process is not known to have yet. Not exact where another process holds the channel. */
  readonly pendingBytes: number;
  /** The next text or bytes, `null` once no more come. Whoever does not read holds the peer back. The end of one binary message is not told. */
  read(): Promise<string | Uint8Array | null>;
  /** Resolves once there is room for more; with false where nothing can be sent any more. The bytes must not be changed afterwards. */
  write(message: string | Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Closes behind everything written. `closeCode` must be 1000 or 3000–4999, `reason` at most 123 bytes of UTF-8. */
  close(closeCode: number, reason?: string): void;
  /** Reads and drops what still comes, so that the peer's close behind it arrives. */
  drain(): void;
}

/** Reads to the end, for nobody. */
export async function drainLine(line: Pick<Line, 'read'>): Promise<void> {
  while ((await line.read()) !== null);
}
