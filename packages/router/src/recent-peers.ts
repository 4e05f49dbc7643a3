/** Each key's last so many peers, of whose going it is told (PROTOCOL §3, PEER_GONE). */
export const MAX_PER_KEY = 1_024;
/** Beyond so many in all, each key keeps its last 64 only: what is told is a hint, and memory is bounded. */
export const MAX_IN_ALL = 1_048_576;
const MAX_PER_KEY_WHEN_MANY = 64;

/** Who is to be told when which key goes: the last keys that each key of this node exchanged MESSAGEs with. */
export class RecentPeers {
  /** For each key of this node its peers, in the order in which they came. */
  readonly #peersOf = new Map<string, Set<string>>();
  /** The same the other way round: for each peer, here or elsewhere, whom to tell. */
  readonly #toTell = new Map<string, Set<string>>();
  #size = 0;
  #generation = 0;

  /** Grows whenever a peer is forgotten: what was noted before then may have to be noted again. */
  get generation(): number {
    return this.#generation;
  }
  /** How many are remembered, in all. */
  get size(): number {
    return this.#size;
  }

  /** `key`, of this node, exchanged a MESSAGE with `peer`: it will be told when that goes. */
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

  /** `key` left this node, or is connected nowhere any more: who is to be told of the latter. */
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
