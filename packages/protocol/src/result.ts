import type { FailureCode } from './failures.js';

/** Something that went wrong: a code to act by, and a sentence that names the field or the limit. Never holds a secret. */
export interface Failure {
  /** What happened (PROTOCOL, Failures): what a program acts by. */
  readonly code: FailureCode;
  /** What exactly, in words for a person. */
  readonly detail: string;
  /** The platform's own error, where there is one (in Node). */
  readonly cause?: unknown;
}

/** What a peer's input amounts to: nothing a peer sends throws. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(code: FailureCode, detail: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { code, detail } };
}
