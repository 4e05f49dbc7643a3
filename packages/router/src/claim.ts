/** A node's word that a key is registered with it. */
export interface Claim {
  readonly key: string;
  readonly term: number;
  readonly nodeId: string;
  readonly connectionId: number;
}

/**
 * Orders claims of one key by (term, nodeId, connectionId): positive if `a` wins. Arrival order would leave no winner
 * when claims cross (PROTOCOL §2, Same key twice).
 */
export function compareClaims(a: Claim, b: Claim): number {
  if (a.term !== b.term) return a.term - b.term;
  if (a.nodeId !== b.nodeId) return a.nodeId < b.nodeId ? -1 : 1;
  return a.connectionId - b.connectionId;
}

/** What a node does on hearing a claim for a key that it holds. */
export type ClaimAnswer = 'close-own' | 'announce-own' | 'nothing';

/** The state table of newest wins: close one's own for a greater claim only; say one's own again on hearing a lesser. */
export function answerClaim(own: Claim, heard: Claim): ClaimAnswer {
  const order = compareClaims(heard, own);
  return order > 0 ? 'close-own' : order < 0 ? 'announce-own' : 'nothing';
}
