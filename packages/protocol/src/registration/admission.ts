import type { Limits } from '../frames/relay-frames.js';
import type { Failure } from '../result.js';

// The types for admitting a client that has proven its key. The part that accepts sockets asks, and the part that
// routes answers (`@sws/server` and `@sws/router`, which share only these types).

/** A rate of messages and of bytes; `Infinity` for no limit. */
export type Rate = Pick<Limits, 'messagesPerSecond' | 'bytesPerSecond'>;

/** Holds a client to its rate. Times are from a monotonic clock (`performance.now()`). */
export interface Meter {
  /** Ms until the client may send again; 0 if it may. */
  waitMs(nowMs: number): number;
  /** Charges `messages` messages of `bytes` bytes in total. @defaultValue one message */
  charge(bytes: number, nowMs: number, messages?: number): void;
}

/** The client that asks for admission, beside its key. `Signal` is the platform's `AbortSignal`. */
export interface Applicant<Signal> {
  /** Aborts if the connection ends before it is admitted, or admission takes too long. */
  readonly signal: Signal;
  /** The network for rates by address: the IPv4 address or the IPv6 /64; `null` if unknown. */
  readonly network: string | null;
  /** The key's own rate, if the application has given it one. An absent field is the rate of every client. */
  readonly rate: Partial<Rate> | undefined;
}

/** The answer to a client that has proven its key. */
export type Admission = Admitted | NotAdmitted;

/** The client may register. */
export interface Admitted {
  /** Distinguishes the two answers. */
  readonly ok: true;
  /** Its term (PROTOCOL §2): greater than any that this key had before. */
  readonly term: number;
  /** The limits that the client is told. */
  readonly limits: Limits;
  /** Seconds between signs of life. */
  readonly keepalive: number;
  /** Holds the client to its rate. @defaultValue no limit */
  readonly meter?: Meter;
}

/** The client is refused. */
export interface NotAdmitted {
  /** Distinguishes the two answers. */
  readonly ok: false;
  /** Why the client is refused. It is told to the client. */
  readonly failure: Failure;
}
