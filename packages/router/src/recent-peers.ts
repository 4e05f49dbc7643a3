/** How many recent peers a key keeps. It is told when one of them disconnects (PROTOCOL §3, PEER_GONE). */
export const MAX_PER_KEY = 1_024;
/** Above this total, each key keeps only its last 64 peers. PEER_GONE is a hint, and memory is bounded. */
export const MAX_IN_ALL = 1_048_576;
const MAX_PER_KEY_WHEN_MANY = 64;

/** Keeps the recent peers of each key of this node, to know whom to tell when a key disconnects. */
export class RecentPeers {
  /** The peers of each key of this node, oldest first. */
  readonly #peersOf = new Map<string, Set<string>>();
  /** For each peer, at this or another node, the keys of this node to tell. */
  readonly #toTell = new Map<string, Set<string>>();
  #size = 0;
  #generation = 0;

  /** Increases when a peer is forgotten. A peer that was noted before may have to be noted again. */
  get generation(): number {
    return this.#generation;
  }
  /** How many peers are remembered in total. */
  get size(): number {
    return this.#size;
  }

  /** Notes that `key`, of this node, exchanged a MESSAGE with `peer`: `key` is told when `peer` disconnects. */
  note(key: string, peer: string): void {
    const peers = setOf(this.#peersOf, key);
    if (key === peer || peers.has(peer)) return;
    peers.add(peer);
    setOf(this.#toTell, peer).add(key);
    this.#size++;
    const max = this.#size > MAX_IN_ALL ? MAX_PER_KEY_WHEN_MANY : MAX_PER_KEY;
    for (const oldest of peers) {
      if (peers.size <= max) break;
      peers.delete(oldest);
      remove(this.#toTell, oldest, key);
      this.#size--;
      this.#generation++;
    }
  }

  /** Forgets the peers of `key`, which left this node or is connected nowhere. Returns the keys to tell. */
  gone(key: string): readonly string[] {
    const told = [...(this.#toTell.get(key) ?? [])];
    this.#toTell.delete(key);
    for (const one of told) remove(this.#peersOf, one, key);
    const peers = this.#peersOf.get(key) ?? [];
    this.#peersOf.delete(key);
    for (const peer of peers) {
      remove(this.#toTell, peer, key);
      this.#size--;
    }
    this.#size -= told.length;
    this.#generation++;
    return told;
  }
}

function setOf(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key);
  if (set === undefined) {
    set = new Set();
    map.set(key, set);
  }
  return set;
}

function remove(map: Map<string, Set<string>>, key: string, member: string): void {
  const set = map.get(key);
  if (set?.delete(member) && set.size === 0) map.delete(key);
}
