import type { FailureCode } from './failures.js';

/** A failure: a code for programs, and a sentence that names the field or the limit. It never contains a secret. */
export interface Failure {
  /** The kind of failure (PROTOCOL, Failures), for programs. */
  readonly code: FailureCode;
  /** The details, for people. */
  readonly detail: string;
  /** The platform's own error, if there is one (in Node). */
  readonly cause?: unknown;
}

/** The result of a peer's input. No input of a peer throws. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(code: FailureCode, detail: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { code, detail } };
}
