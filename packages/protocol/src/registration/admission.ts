import type { Limits } from '../frames/relay-frames.js';
import type { Failure } from '../result.js';

// What a relay's parts say to each other about a client that has proven its key: the part that accepts sockets asks, the
// part that routes answers (`@sws/server` and `@sws/router`, which know of each other only by these shapes).

/** Of messages and of bytes; `Infinity` for none. */
export type Rate = Pick<Limits, 'messagesPerSecond' | 'bytesPerSecond'>;

/** Holds a client to its rate. Times are of a monotonic clock (`performance.now()`). */
export interface Meter {
  /** Ms until the client may send again; 0 if it may. */
  waitMs(nowMs: number): number;
  /** Notes so many messages with so many bytes in all. @defaultValue one message */
  charge(bytes: number, nowMs: number, messages?: number): void;
}

/** Who asks for admission, beside its key. `Signal` is an `AbortSignal`, which is the platform's. */
export interface Applicant<Signal> {
  /** Aborted when the connection is gone before it was admitted, or admission took too long. */
  readonly signal: Signal;
  /** Whom rates by address count for: the IPv4 address or the IPv6 /64; `null` where it is not known. */
  readonly network: string | null;
  /** The key's own rate, where the application has given it one; what is absent is the rate of every client. */
  readonly rate: Partial<Rate> | undefined;
}

/** The answer to a client that has proven its key. */
export type Admission = Admitted | NotAdmitted;

/** The client may register. */
export interface Admitted {
  /** Tells the two answers apart. */
  readonly ok: true;
  /** Its term (PROTOCOL §2): greater than any that this key had before. */
  readonly term: number;
  /** What the client is told that it may send. */
  readonly limits: Limits;
  /** Seconds between signs of life. */
  readonly keepalive: number;
  /** Holds the client to its rate. @defaultValue no limit */
  readonly meter?: Meter;
}

/** The client is refused. */
export interface NotAdmitted {
  /** Tells the two answers apart. */
  readonly ok: false;
  /** Why; the client is told. */
  readonly failure: Failure;
}
