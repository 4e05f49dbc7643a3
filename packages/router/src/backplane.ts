import type { UndeliverableCode } from '@sws/protocol';
import type { Claim } from './claim.js';

/** What a node does for other nodes. */
export interface BackplaneNode {
  /** The name of this node, unique on the backplane. */
  readonly nodeId: string;
  /** Another node claims a key that this one holds. */
  claimed(claim: Claim): void;
  /**
   * Takes a binary MESSAGE, whose key bytes hold the sender, for a key that this node holds. This node owns the bytes
   * from here. Returns the reason if it cannot deliver the MESSAGE; the sender's node is then told.
   */
  message(to: string, message: Uint8Array): UndeliverableCode | null;
  /** A key disconnected from another node. */
  gone(key: string, term: number): void;
  /** A MESSAGE from this node was published but not delivered. `head` is the first 25 bytes of its content. */
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
}

/** One node's end of a backplane. No method throws or waits while the network is unreachable. */
export interface BackplaneLink {
  /**
   * The highest term that another node claims for a key, 0 for none. It resolves in bounded time: with 0 if there is no
   * answer, and then the claims settle which registration is newer.
   */
  highestTerm(key: string): Promise<number>;
  /**
   * This node holds the key from here. The key's MESSAGEs come here, and other nodes that hold it get the claim. A
   * second call repeats the claim.
   */
  claim(claim: Claim): void;
  /** This node no longer holds the key. */
  release(key: string): void;
  /**
   * Gives a MESSAGE (binary, the key bytes hold the sender) to the node that holds `to`. Returns `null` if it is on its
   * way: the backplane then owns it, and calls the node's `undeliverable` if no node takes it. Otherwise returns the
   * reason.
   */
  publish(to: string, from: string, message: Uint8Array): UndeliverableCode | null;
  /** Tells every other node that a key left. */
  gone(key: string, term: number): void;
  /** Releases all keys of this node, and closes the link. */
  leave(): void;
}

/**
 * Joins nodes into one relay. `inProcessBackplane` joins nodes of one process. `@sws/router/testing` is the suite that
 * every backplane must pass.
 */
export interface Backplane {
  /** The largest MESSAGE that it carries, in bytes. */
  readonly maxMessageBytes: number;
  /** Joins a node. Returns its link, and calls the node's methods from now on. */
  join(node: BackplaneNode): BackplaneLink;
}

/** Joins routers of one process. */
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
          // Two nodes may hold a key for a moment. Either will do, because a channel takes each frame once.
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
