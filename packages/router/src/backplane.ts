import type { UndeliverableCode } from '@sws/protocol';
import type { Claim } from './claim.js';

/** What a node does for the others. */
export interface BackplaneNode {
  /** Unique on the backplane. */
  readonly nodeId: string;
  /** Another node claims a key that this one holds. */
  claimed(claim: Claim): void;
  /**
   * Takes a binary MESSAGE whose key bytes hold the sender, for a key that this node holds; owns it from here. Gives the
   * reason if it can't be delivered: the sender's node is told.
   */
  message(to: string, message: Uint8Array): UndeliverableCode | null;
  /** A key went away from another node. */
  gone(key: string, term: number): void;
  /** A MESSAGE that `publish` took from here could not be delivered after all. `head`: the first 25 bytes of its content. */
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
}

/** One node's end of a backplane. Nothing here throws or waits for a network that is away. */
export interface BackplaneLink {
  /**
   * The highest term that another node claims for a key, 0 for none. Bounded in time: without an answer it is 0, and the
   * claims settle who is newer.
   */
  highestTerm(key: string): Promise<number>;
  /** This node holds the key from here: its MESSAGEs come here, and other nodes that hold it hear the claim. Again: says it again. */
  claim(claim: Claim): void;
  /** This node no longer holds the key. */
  release(key: string): void;
  /**
   * Gives a MESSAGE (binary, the key bytes hold the sender) to the node that holds `to`. `null`: it is on its way and no
   * longer the caller's; the node's `undeliverable` tells if nobody takes it. Else why it did not go.
   */
  publish(to: string, from: string, message: Uint8Array): UndeliverableCode | null;
  /** Tells every other node that a key left. */
  gone(key: string, term: number): void;
  /** Gives up all that this node holds, and the link. */
  leave(): void;
}

/** Joins nodes into one relay. `inProcessBackplane` joins those of one process; `@sws/router/testing` is the suite that any must pass. */
export interface Backplane {
  /** The largest MESSAGE that it carries, in bytes. */
  readonly maxMessageBytes: number;
  /** Joins a node: gives it its link, and calls it from now on. */
  join(node: BackplaneNode): BackplaneLink;
}

/** Joins routers of one process; alone, one router is all there is. */
export function inProcessBackplane(): Backplane {
  const nodes = new Map<string, BackplaneNode>();
  /** The claims of each key, by node. */
  const claims = new Map<string, Map<string, Claim>>();
  const release = (key: string, nodeId: string): void => {
    const ofKey = claims.get(key);
    ofKey?.delete(nodeId);
    if (ofKey?.size === 0) claims.delete(key);
  };
  return {
    maxMessageBytes: Number.POSITIVE_INFINITY,
    join(own) {
      const { nodeId } = own;
      nodes.set(nodeId, own);
      const othersWith = (key: string): Claim[] =>
        [...(claims.get(key)?.values() ?? [])].filter((claim) => claim.nodeId !== nodeId);
      return {
        highestTerm: async (key) => othersWith(key).reduce((highest, { term }) => Math.max(highest, term), 0),
        claim(claim) {
          const ofKey = claims.get(claim.key) ?? new Map<string, Claim>();
          claims.set(claim.key, ofKey.set(nodeId, claim));
          for (const other of othersWith(claim.key)) nodes.get(other.nodeId)?.claimed(claim);
        },
        release: (key) => release(key, nodeId),
        publish(to, _from, message) {
          // While two nodes hold a key for a moment, either will do: a channel takes each frame once.
          const holder = nodes.get(othersWith(to)[0]?.nodeId ?? '');
          return holder === undefined ? 'offline' : holder.message(to, message);
        },
        gone(key, term) {
          for (const node of nodes.values()) if (node.nodeId !== nodeId) node.gone(key, term);
        },
        leave() {
          nodes.delete(nodeId);
          for (const [key, ofKey] of [...claims]) if (ofKey.has(nodeId)) release(key, nodeId);
        },
      };
    },
  };
}
