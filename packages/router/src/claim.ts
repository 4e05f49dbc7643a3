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
