/**
 * The one error class of SWS. Test `code`, not `instanceof`: two copies of a package in one program would break the latter.
 * Neither `message` nor `cause` ever holds a secret.
 */
export class SwsError<Code extends string = string> extends Error {
  /** Always `SwsError`. */
  override readonly name = 'SwsError';
  /** Stable and machine-readable: a key of `CRYPTO_FAILURES` here, of `FAILURES` in `@sws/protocol`. */
  readonly code: Code;

  /** `message` and `cause` are for logs: put no secret into them. */
  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
