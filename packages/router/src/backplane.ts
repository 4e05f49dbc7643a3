import type { UndeliverableCode } from '@sws/protocol';
import type { Claim } from './claim.js';

/** What a node does for the others. */
export interface BackplaneNode {
  readonly nodeId: string;
  /** Another node claims a key. */
  claimed(claim: Claim): void;
  /** A MESSAGE for a key subscribed to: a binary MESSAGE whose key bytes hold the sender. Owned by the callee. */
  message(to: string, message: Uint8Array): void;
  /** A key went away from another node. */
  gone(key: string, term: number): void;
  /** A MESSAGE published from here could not be delivered there. */
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
}

/** What joins nodes into one relay. In-process by default; `@sws/router/testing` is the suite that any must pass. */
export interface Backplane {
  /** Joins; gives the way out. */
  join(node: BackplaneNode): () => void;
  /** The highest term known for a key, 0 for none. */
  highestTerm(key: string): Promise<number>;
  /** Tells every other node. */
  claim(claim: Claim): void;
  /** From here, MESSAGEs for the key come to this node. */
  subscribe(nodeId: string, key: string): void;
  unsubscribe(nodeId: string, key: string): void;
  /** Gives a MESSAGE to the node that has the key: whether there was one. Owns `message`. */
  publish(fromNode: string, to: string, message: Uint8Array): boolean | Promise<boolean>;
  /** Tells every other node that a key left. */
  gone(nodeId: string, key: string, term: number): void;
  /** Tells the sender's node. */
  undeliverable(fromNode: string, to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
}

/** Joins routers of one process; alone, one router is all there is. */
export function inProcessBackplane(): Backplane {
  const nodes = new Map<string, BackplaneNode>();
  const subscribers = new Map<string, Set<string>>();
  const claims = new Map<string, Claim>();
  const others = (nodeId: string) => [...nodes.values()].filter((node) => node.nodeId !== nodeId);
  const subscriberOf = (key: string, except: string): BackplaneNode | undefined => {
    for (const nodeId of subscribers.get(key) ?? []) if (nodeId !== except) return nodes.get(nodeId);
    return undefined;
  };
  return {
    join(node) {
      nodes.set(node.nodeId, node);
      return () => nodes.delete(node.nodeId);
    },
    highestTerm: async (key) => claims.get(key)?.term ?? 0,
    claim(claim) {
      if ((claims.get(claim.key)?.term ?? 0) < claim.term) claims.set(claim.key, claim);
      for (const node of others(claim.nodeId)) node.claimed(claim);
    },
    subscribe(nodeId, key) {
      const set = subscribers.get(key) ?? new Set();
      subscribers.set(key, set.add(nodeId));
    },
    unsubscribe(nodeId, key) {
      const set = subscribers.get(key);
      set?.delete(nodeId);
      if (set?.size === 0) {
        subscribers.delete(key);
        claims.delete(key);
      }
    },
    publish(fromNode, to, message) {
      const node = subscriberOf(to, fromNode);
      node?.message(to, message);
      return node !== undefined;
    },
    gone(nodeId, key, term) {
      for (const node of others(nodeId)) node.gone(key, term);
    },
    undeliverable(fromNode, to, from, head, code) {
      subscriberOf(from, fromNode)?.undeliverable(to, from, head, code);
    },
  };
}
