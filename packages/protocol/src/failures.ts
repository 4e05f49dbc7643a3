/** What a failure has this software do: one row of the table that PROTOCOL.md shows and the code acts by. */
export interface FailureRow {
  /** The WebSocket close code that tells it, between client and relay (4xxx, 1009 …) or inside a channel (1002, 1007, 1009); `null` where none goes on the wire. */
  readonly closeCode: number | null;
  /** Whether a client connects again by itself. */
  readonly retry: boolean;
}

/** Every way in which a connection, a message or a channel fails (PROTOCOL, Failures). */
export const FAILURES = {
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
  'rate-limited': { closeCode: 4429, retry: true },
  'connection-lost': { closeCode: null, retry: true },
  'wrong-server-key': { closeCode: null, retry: false },
  offline: { closeCode: null, retry: false },
  congested: { closeCode: null, retry: true },
  'too-large': { closeCode: null, retry: false },
  'protocol-error': { closeCode: 1002, retry: false },
  'invalid-text': { closeCode: 1007, retry: false },
  'message-too-big': { closeCode: 1009, retry: false },
  refused: { closeCode: null, retry: false },
  'unknown-channel': { closeCode: null, retry: false },
  'over-limits': { closeCode: null, retry: false },
  'resume-timeout': { closeCode: null, retry: false },
  'open-timeout': { closeCode: null, retry: false },
  'close-timeout': { closeCode: null, retry: false },
  'handshake-failed': { closeCode: null, retry: false },
  'payload-too-large': { closeCode: null, retry: false },
  'invalid-state': { closeCode: null, retry: false },
  'bad-address': { closeCode: null, retry: false },
} as const satisfies Record<string, FailureRow>;

export type FailureCode = keyof typeof FAILURES;

/** The failure a relay's close code stands for; `connection-lost` for any other. */
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
  'rate-limited',
] as const satisfies readonly FailureCode[];

/** Why the relay could not deliver a MESSAGE. */
export const UNDELIVERABLE_CODES = [
  'offline',
  'congested',
  'too-large',
  'forbidden',
] as const satisfies readonly FailureCode[];
export type UndeliverableCode = (typeof UNDELIVERABLE_CODES)[number];
