/** The consequences of a failure: one row of the table in PROTOCOL.md, which the code uses. */
export interface FailureRow {
  /**
   * The WebSocket close code between client and relay (4xxx, 1009 …) or inside a channel (1002, 1007, 1009); `null` if
   * none is sent.
   */
  readonly closeCode: number | null;
  /** Whether a client reconnects by itself. */
  readonly retry: boolean;
}

const ROWS = {
  normal: { closeCode: 1000, retry: false },
  'going-away': { closeCode: 1001, retry: true },
  'message-too-large': { closeCode: 1009, retry: true },
  restarting: { closeCode: 1012, retry: true },
  'try-again-later': { closeCode: 1013, retry: true },
  'bad-frame': { closeCode: 4400, retry: false },
  'registration-refused': { closeCode: 4401, retry: false },
  forbidden: { closeCode: 4403, retry: false },
  'registration-timeout': { closeCode: 4408, retry: true },
  replaced: { closeCode: 4409, retry: false },
  'term-refused': { closeCode: 4410, retry: true },
  'rate-limited': { closeCode: 4429, retry: true },
  'connection-lost': { closeCode: null, retry: true },
  dns: { closeCode: null, retry: true },
  'relay-refused': { closeCode: null, retry: true },
  unreachable: { closeCode: null, retry: true },
  tls: { closeCode: null, retry: true },
  'http-status': { closeCode: null, retry: true },
  proxy: { closeCode: null, retry: true },
  'wrong-server-key': { closeCode: null, retry: false },
  offline: { closeCode: null, retry: false },
  congested: { closeCode: null, retry: true },
  'protocol-error': { closeCode: 1002, retry: false },
  'invalid-text': { closeCode: 1007, retry: false },
  refused: { closeCode: null, retry: false },
  'unknown-channel': { closeCode: null, retry: false },
  'over-limits': { closeCode: null, retry: false },
  'resume-timeout': { closeCode: null, retry: false },
  'open-timeout': { closeCode: null, retry: false },
  'close-timeout': { closeCode: null, retry: false },
  'handshake-failed': { closeCode: null, retry: false },
  'invalid-offer': { closeCode: null, retry: false },
  'invalid-close': { closeCode: null, retry: false },
  'own-address': { closeCode: null, retry: false },
  'not-open': { closeCode: null, retry: false },
  aborted: { closeCode: null, retry: false },
  closed: { closeCode: null, retry: false },
  unreadable: { closeCode: null, retry: false },
  unsupported: { closeCode: null, retry: false },
  unexpected: { closeCode: null, retry: false },
} as const satisfies Record<string, FailureRow>;

/** The stable name of a failure, for programs: an error's `code`. */
export type FailureCode = keyof typeof ROWS;

/** Every way in which a connection, a message or a channel fails (PROTOCOL, Failures). */
export const FAILURES: Readonly<Record<FailureCode, FailureRow>> = ROWS;

/** The failure of a relay's close code; `connection-lost` for an unknown code. */
export function failureOfCloseCode(closeCode: number): FailureCode {
  for (const code of CONNECTION_CODES) if (FAILURES[code].closeCode === closeCode) return code;
  return 'connection-lost';
}

/** The failures that end a connection between client and relay. */
export const CONNECTION_CODES = [
  'normal',
  'going-away',
  'message-too-large',
  'restarting',
  'try-again-later',
  'bad-frame',
  'registration-refused',
  'forbidden',
  'registration-timeout',
  'replaced',
  'term-refused',
  'rate-limited',
] as const satisfies readonly FailureCode[];

/** Why the relay could not deliver a MESSAGE. */
export const UNDELIVERABLE_CODES = [
  'offline',
  'congested',
  'message-too-large',
  'forbidden',
] as const satisfies readonly FailureCode[];
/** One of `UNDELIVERABLE_CODES`. */
export type UndeliverableCode = (typeof UNDELIVERABLE_CODES)[number];
