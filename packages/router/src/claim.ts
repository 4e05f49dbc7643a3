/** A node's claim that a key is registered with it. */
export interface Claim {
  /** 64 hex digits. */
  readonly key: string;
  /** The term of the registration (PROTOCOL §2): a newer registration has a greater one. */
  readonly term: number;
  /** The node that holds the connection. */
  readonly nodeId: string;
  /** The number of the connection at its node; a newer connection has a greater one. */
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
