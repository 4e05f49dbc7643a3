import type { FailureCode } from './failures.js';

/**
 * The meaning of each failure, for people: the other columns of PROTOCOL.md's table. It is a separate module, because
 * programs that show no texts do not need it.
 */
export const FAILURE_MEANINGS: Readonly<
  Record<FailureCode, { readonly fault: 'peer' | 'caller' | 'relay' | 'nobody'; readonly meaning: string }>
> = {
  normal: { fault: 'nobody', meaning: 'closed as asked' },
  'going-away': { fault: 'relay', meaning: 'the relay is shutting down' },
  'message-too-large': {
    fault: 'peer',
    meaning: 'a message was over its receiver’s limit: the relay’s maxMessage, or the peer’s maxMessageBytes',
  },
  restarting: { fault: 'relay', meaning: 'the relay restarts: reconnect after the delay in RESTARTING' },
  'try-again-later': { fault: 'relay', meaning: 'the relay has no room for this connection' },
  'bad-frame': { fault: 'peer', meaning: 'a frame was malformed or out of turn' },
  'registration-refused': { fault: 'peer', meaning: 'the proof of the key is not valid' },
  forbidden: { fault: 'peer', meaning: 'the key may not use this relay' },
  'registration-timeout': { fault: 'peer', meaning: 'the client did not register in time' },
  replaced: { fault: 'nobody', meaning: 'the same key registered elsewhere' },
  'term-refused': { fault: 'peer', meaning: 'lastTerm is further ahead than any relay gives' },
  'rate-limited': {
    fault: 'peer',
    meaning: 'the client sent faster than its rate, over a socket that cannot be paused',
  },
  'connection-lost': { fault: 'nobody', meaning: 'the relay could not be reached, or the connection broke' },
  dns: { fault: 'nobody', meaning: 'no address was found for the relay’s name' },
  'relay-refused': { fault: 'nobody', meaning: 'nothing listens where the relay should be' },
  unreachable: { fault: 'nobody', meaning: 'there is no route to the relay, or it did not answer' },
  tls: { fault: 'relay', meaning: 'the relay’s certificate is not trusted, or it does not speak TLS' },
  'http-status': {
    fault: 'relay',
    meaning: 'the HTTP answer is not a WebSocket: a wrong path, a redirect, a proxy’s error',
  },
  proxy: { fault: 'nobody', meaning: 'the proxy could not be reached, or refused the connection' },
  'wrong-server-key': { fault: 'relay', meaning: 'the relay’s key is not the pinned one' },
  offline: { fault: 'nobody', meaning: 'the peer is not connected anywhere' },
  congested: { fault: 'nobody', meaning: 'the peer’s queue at the relay is full' },
  'protocol-error': { fault: 'peer', meaning: 'the peer broke the channel protocol' },
  'invalid-text': { fault: 'peer', meaning: 'a text message was not UTF-8' },
  refused: { fault: 'nobody', meaning: 'the peer’s accept policy refused the channel' },
  'unknown-channel': { fault: 'nobody', meaning: 'the peer’s process has restarted and lost the channel' },
  'over-limits': { fault: 'nobody', meaning: 'too many channels' },
  'resume-timeout': { fault: 'nobody', meaning: 'the peer was unreachable for longer than resumeTimeout' },
  'open-timeout': { fault: 'nobody', meaning: 'the peer did not answer OPEN' },
  'close-timeout': { fault: 'nobody', meaning: 'the peer did not answer close' },
  'handshake-failed': { fault: 'peer', meaning: 'the peer answered OPEN with something not offered' },
  'invalid-offer': {
    fault: 'caller',
    meaning: 'a resource or subprotocol is malformed, or they are too long for OPEN',
  },
  'invalid-close': { fault: 'caller', meaning: 'the close code or reason cannot be sent' },
  'own-address': { fault: 'caller', meaning: 'the address dialled is the caller’s own' },
  'not-open': { fault: 'caller', meaning: 'the socket is not open yet' },
  aborted: {
    fault: 'nobody',
    meaning: 'the caller ended the channel before it was open, or without a closing handshake',
  },
  closed: { fault: 'caller', meaning: 'the socket or the endpoint is closing or closed' },
  unreadable: { fault: 'caller', meaning: 'a Blob that was to be sent could not be read' },
  unsupported: { fault: 'caller', meaning: 'a relay cannot do this' },
  unexpected: { fault: 'caller', meaning: 'an error of the application or of the platform: see its cause' },
};
