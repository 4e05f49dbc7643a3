import { MAX_TERM } from '../frames/fields.js';

const TERMS_PER_SECOND = 1024;
const TERMS_PER_DAY = 86_400 * TERMS_PER_SECOND;
/** The clock alone raises a term at most to this. A clock that is far ahead then leaves terms to count up. */
const MAX_CLOCK_TERM = MAX_TERM / 2;

/**
 * The term of a new registration (PROTOCOL §2, Terms), or `null` if the client's `lastTerm` is refused.
 * `known` is the highest term that the relay or its backplane knows for the key, 0 for none. `wallMs` is the wall clock
 * (milliseconds since 1970): a relay that has forgotten everything still gives a greater term than before.
 */
export function nextTerm(known: number, lastTerm: number, wallMs: number): number | null {
  const clock = Math.min(MAX_CLOCK_TERM, Math.max(0, Math.floor(wallMs / 1000)) * TERMS_PER_SECOND);
  // Without this bound, one registration could use up all terms, and no later one of the key could be newer.
  if (lastTerm > Math.max(known, clock + TERMS_PER_DAY)) return null;
  return Math.min(MAX_TERM, Math.max(known, lastTerm, clock) + 1);
}
