// What has to hold in every state, and what a fair relay has to lead to.
import { type End, sessionOf } from './end.js';
import { type Scenario, Violation } from './scenario.js';
import { derivable, type SymbolicProvider } from './symbolic-provider.js';

/** A and B. */
export type Ends = readonly [End, End];

/** Whether all has arrived and is acknowledged, a rekey is over, or both ends have closed. @throws Violation for a close that is not clean */
export function isSettled([a, b]: Ends): boolean {
  if (a.end !== null && (b.end !== null || b.channel === null)) {
    if (b.restarts === 0 && !(a.end.wasClean && b.end?.wasClean))
      throw new Violation('a fair relay does not lead a close to its end');
    return true;
  }
  if (a.channel?.phase === 'opening' || b.channel === null) return false;
  return (
    a.end === null &&
    b.end === null &&
    !a.closeRequested &&
    !b.closeRequested &&
    a.received.length === b.sent.length &&
    b.received.length === a.sent.length &&
    a.channel?.bufferedAmount === 0 &&
    b.channel.bufferedAmount === 0 &&
    hasAllAcknowledged(a) &&
    hasAllAcknowledged(b)
  );
}

/** The frames of a rekey too. */
function hasAllAcknowledged(end: End): boolean {
  const outgoing = sessionOf(end)?._outgoing;
  return outgoing?._acked === outgoing?._sealed;
}

/** Safety, in every state. @throws Violation */
export function checkSafety([a, b]: Ends, scenario: Scenario, provider: SymbolicProvider): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    // A restarted B begins again; what the one before it was given is not its own.
    if (b.restarts === 0 && !to.received.every((text, i) => text === from.sent[i]))
      throw new Violation(`delivered ${to.received.join()} of ${from.sent.join()}`);
    if (to.opened > 1) throw new Violation('one OPEN, two connections');
    if (to.end !== null && to.end.code !== 1006 && !(from.closeRequested || to.closeRequested))
      throw new Violation(`a close with ${to.end.code} that nobody sent`);
    if (scenario.closes.length === 0 && b.restarts === 0 && to.end !== null)
      throw new Violation(`an end that nothing justifies: ${JSON.stringify(to.end)}`);
    if (b.restarts === 0) checkRetained(from, to);
  }
  if (scenario.rekeyAfterFrames < 100) checkTheft(a, b, provider);
}

/** A sender never frees a frame that the receiver lacks. */
function checkRetained(from: End, to: End): void {
  const [sending, receiving] = [sessionOf(from), sessionOf(to)];
  if (sending === null || receiving === null) return;
  if (sending._outgoing._acked > receiving._incoming.next)
    throw new Violation(`freed ${sending._outgoing._acked} frames; the peer has ${receiving._incoming.next}`);
}

/** Whoever stole all keys before a rekey (and neither static nor ephemeral secrets) can derive none after it. */
function checkTheft(a: End, b: End, provider: SymbolicProvider): void {
  const [session, other] = [sessionOf(a), sessionOf(b)];
  if (session === null || other === null || session._keys._epoch !== 1 || other._keys._epoch !== 1) return;
  const { _root, _send, _receive, _sendControl } = session._keys;
  const before = provider.termOf(_root)?.term;
  if (before?.kind !== 'kdf') return;
  // The root before the rekey is its salt; with it go all keys of that epoch.
  const stolen = [before.salt];
  for (const key of [_send.bytes, _receive.bytes, _sendControl, _root])
    if (derivable(provider, key, stolen)) throw new Violation('keys stolen before a rekey open what follows it');
}
