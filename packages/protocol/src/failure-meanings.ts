import type { FailureCode } from './failures.js';

/** What a failure is, for people: the rest of PROTOCOL.md's table. By itself, so that programs that show it to nobody do not carry it. */
export const FAILURE_MEANINGS: Readonly<
  Record<FailureCode, { readonly fault: 'peer' | 'caller' | 'relay' | 'nobody'; readonly meaning: string }>
> = {
  normal: { fault: 'nobody', meaning: 'closed as asked' },
  'going-away': { fault: 'relay', meaning: 'the relay is shutting down' },
  'message-too-large': { fault: 'peer', meaning: 'a frame was over twice the relay’s maxMessage' },
  restarting: { fault: 'relay', meaning: 'the relay restarts: come back as RESTARTING told' },
  'try-again-later': { fault: 'relay', meaning: 'the relay has no room for this connection' },
  'bad-frame': { fault: 'peer', meaning: 'a frame was malformed or out of turn' },
  'registration-refused': { fault: 'peer', meaning: 'the proof of the key did not hold' },
  forbidden: { fault: 'peer', meaning: 'the key may not use this relay' },
  'registration-timeout': { fault: 'peer', meaning: 'no registration in time' },
  replaced: { fault: 'nobody', meaning: 'the same key registered elsewhere' },
  'rate-limited': { fault: 'peer', meaning: 'over the rate, on a socket that can not be paused' },
  'connection-lost': { fault: 'nobody', meaning: 'the relay could not be reached, or the connection broke' },
  'wrong-server-key': { fault: 'relay', meaning: 'the relay is not the pinned one' },
  offline: { fault: 'nobody', meaning: 'the peer is not connected anywhere' },
  congested: { fault: 'nobody', meaning: 'the peer’s queue at the relay is full' },
  'too-large': { fault: 'caller', meaning: 'a message was over the relay’s maxMessage' },
  'protocol-error': { fault: 'peer', meaning: 'the peer broke the channel protocol' },
  'invalid-text': { fault: 'peer', meaning: 'a text message was not UTF-8' },
  'message-too-big': { fault: 'peer', meaning: 'a message was over maxMessageBytes' },
  refused: { fault: 'nobody', meaning: 'the peer’s accept policy refused the channel' },
  'unknown-channel': { fault: 'nobody', meaning: 'the peer’s process has restarted and lost the channel' },
  'over-limits': { fault: 'nobody', meaning: 'too many channels' },
  'resume-timeout': { fault: 'nobody', meaning: 'the ends were apart for longer than resumeTimeout' },
  'open-timeout': { fault: 'nobody', meaning: 'the peer did not answer OPEN' },
  'close-timeout': { fault: 'nobody', meaning: 'the peer did not answer close' },
  'handshake-failed': { fault: 'peer', meaning: 'the peer answered OPEN with something not offered' },
  'payload-too-large': { fault: 'caller', meaning: 'resource and subprotocols are too long for OPEN' },
  'invalid-state': { fault: 'caller', meaning: 'the call does not fit the state' },
  'bad-address': { fault: 'caller', meaning: 'not an address, or one’s own' },
};
