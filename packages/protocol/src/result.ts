import type { FailureCode } from './failures.js';

/** Something that went wrong: a code to act by, and a sentence that names the field or the limit. Never holds a secret. */
export interface Failure {
  readonly code: FailureCode;
  readonly detail: string;
}

/** What a peer's input amounts to: nothing a peer sends throws. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(code: FailureCode, detail: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { code, detail } };
}
