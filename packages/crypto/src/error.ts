/**
 * The only error class of SWS. Test `code`, because `instanceof` fails with two copies of a package in one program.
 * Neither `message` nor `cause` contains a secret.
 */
export class SwsError<Code extends string = string> extends Error {
  /** Always `SwsError`. */
  override readonly name = 'SwsError';
  /** Stable and machine-readable: a key of `CRYPTO_FAILURES` here, or of `FAILURES` in `@sws/protocol`. */
  readonly code: Code;

  /** `message` and `cause` are for logs: put no secret into them. */
  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
