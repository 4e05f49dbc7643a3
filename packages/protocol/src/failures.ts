/** What a failure means: one row of the table that PROTOCOL.md shows and the code acts by. */
export interface FailureRow {
  /** The WebSocket close code that tells it, between client and relay (4xxx, 1009 …) or inside a channel (1002, 1007, 1009); `null` where none goes on the wire. */
  readonly closeCode: number | null;
  readonly fault: 'peer' | 'caller' | 'relay' | 'nobody';
  /** Whether a client connects again by itself. */
  readonly retry: boolean;
  readonly meaning: string;
}

/** Every way in which a connection, a message or a channel fails (PROTOCOL, Failures). */
export const FAILURES = {
  normal: { closeCode: 1000, fault: 'nobody', retry: false, meaning: 'closed as asked' },
  'going-away': { closeCode: 1001, fault: 'relay', retry: true, meaning: 'the relay is shutting down' },
  'message-too-large': {
    closeCode: 1009,
    fault: 'peer',
    retry: true,
    meaning: 'a frame was over twice the relay’s maxMessage',
  },
  restarting: {
    closeCode: 1012,
    fault: 'relay',
    retry: true,
    meaning: 'the relay restarts: come back as RESTARTING told',
  },
  'try-again-later': {
    closeCode: 1013,
    fault: 'relay',
    retry: true,
    meaning: 'the relay has no room for this connection',
  },
  'bad-frame': { closeCode: 4400, fault: 'peer', retry: false, meaning: 'a frame was malformed or out of turn' },
  'registration-refused': {
    closeCode: 4401,
    fault: 'peer',
    retry: false,
    meaning: 'the proof of the key did not hold',
  },
  forbidden: { closeCode: 4403, fault: 'peer', retry: false, meaning: 'the key may not use this relay' },
  'registration-timeout': { closeCode: 4408, fault: 'peer', retry: true, meaning: 'no registration in time' },
  replaced: { closeCode: 4409, fault: 'nobody', retry: false, meaning: 'the same key registered elsewhere' },
  'rate-limited': {
    closeCode: 4429,
    fault: 'peer',
    retry: true,
    meaning: 'over the rate, on a socket that can not be paused',
  },
  'connection-lost': {
    closeCode: null,
    fault: 'nobody',
    retry: true,
    meaning: 'the relay could not be reached, or the connection broke',
  },
  'wrong-server-key': { closeCode: null, fault: 'relay', retry: false, meaning: 'the relay is not the pinned one' },
  offline: { closeCode: null, fault: 'nobody', retry: false, meaning: 'the peer is not connected anywhere' },
  congested: { closeCode: null, fault: 'nobody', retry: true, meaning: 'the peer’s queue at the relay is full' },
  'too-large': { closeCode: null, fault: 'caller', retry: false, meaning: 'a message was over the relay’s maxMessage' },
  'protocol-error': { closeCode: 1002, fault: 'peer', retry: false, meaning: 'the peer broke the channel protocol' },
  'invalid-text': { closeCode: 1007, fault: 'peer', retry: false, meaning: 'a text message was not UTF-8' },
  'message-too-big': { closeCode: 1009, fault: 'peer', retry: false, meaning: 'a message was over maxMessageBytes' },
  refused: { closeCode: null, fault: 'nobody', retry: false, meaning: 'the peer’s accept policy refused the channel' },
  'unknown-channel': {
    closeCode: null,
    fault: 'nobody',
    retry: false,
    meaning: 'the peer’s process has restarted and lost the channel',
  },
  'over-limits': { closeCode: null, fault: 'nobody', retry: false, meaning: 'too many channels' },
  'resume-timeout': {
    closeCode: null,
    fault: 'nobody',
    retry: false,
    meaning: 'the ends were apart for longer than resumeTimeout',
  },
  'open-timeout': { closeCode: null, fault: 'nobody', retry: false, meaning: 'the peer did not answer OPEN' },
  'close-timeout': { closeCode: null, fault: 'nobody', retry: false, meaning: 'the peer did not answer close' },
  'handshake-failed': {
    closeCode: null,
    fault: 'peer',
    retry: false,
    meaning: 'the peer answered OPEN with something not offered',
  },
  'payload-too-large': {
    closeCode: null,
    fault: 'caller',
    retry: false,
    meaning: 'resource and subprotocols are too long for OPEN',
  },
  'invalid-state': { closeCode: null, fault: 'caller', retry: false, meaning: 'the call does not fit the state' },
  'bad-address': { closeCode: null, fault: 'caller', retry: false, meaning: 'not an address, or one’s own' },
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
