import { encodeHex } from '@sws/crypto';
import type { HandshakeContext } from './handshake.js';
import { Lru } from './lru.js';
import type { Standing } from './memory-budget.js';
import { TokenBucket } from './token-bucket.js';

const CACHED_PEERS = 256;
/**
 * Frames per second that may cost public-key operations, of all peers of a standing and of each. A burst is twice
 * that.
 */
const HANDSHAKES_PER_SECOND = {
  stranger: { inAll: 32, perPeer: 8 },
  talking: { inAll: 32, perPeer: 16 },
  known: { inAll: 64, perPeer: 32 },
} as const satisfies Record<Standing, { readonly inAll: number; readonly perPeer: number }>;
const MAX_ACCEPTS_PER_SECOND = 128;

interface PeerState {
  readonly context: HandshakeContext;
  readonly bucket: TokenBucket;
  dialled: boolean;
}

function bucketOf(perSecond: number): TokenBucket {
  return new TokenBucket(perSecond, perSecond * 2);
}

/** The most recent peers of one standing, and how much work they may cause together. */
class Group {
  readonly states = new Lru<PeerState>(CACHED_PEERS);
  readonly bucket: TokenBucket;
  readonly perPeer: number;

  constructor(standing: Standing) {
    const { inAll, perPeer } = HANDSHAKES_PER_SECOND[standing];
    this.bucket = bucketOf(inAll);
    this.perPeer = perPeer;
  }
}

/**
 * Caches the Diffie-Hellman of both static keys for recent peers, and limits the work that each may cause. Each
 * standing has its own cache and limits, so that strangers cannot displace talking or known peers, or use up their
 * share.
 */
export class PeerCache {
  readonly #own: Pick<HandshakeContext, 'provider' | 'random' | 'staticKey'>;
  readonly #isNamed: (peer: string) => boolean;
  readonly #groups = {
    stranger: new Group('stranger'),
    talking: new Group('talking'),
    known: new Group('known'),
  } as const satisfies Record<Standing, Group>;
  /** How many more ACCEPTs may cost public-key operations. Only ACCEPTs for an OPEN of this endpoint count. */
  readonly accepts = bucketOf(MAX_ACCEPTS_PER_SECOND);

  constructor(
    own: Pick<HandshakeContext, 'provider' | 'random' | 'staticKey'>,
    isNamed: (peer: string) => boolean = () => false,
  ) {
    this.#own = own;
    this.#isNamed = isNamed;
  }

  /** The context of a handshake with a peer that this endpoint dials. */
  dial(peer: Uint8Array): HandshakeContext {
    const state = this.#state('known', peer, encodeHex(peer));
    state.dialled = true;
    return state.context;
  }

  /** The peer's process has acknowledged a message of the application. */
  talked(peer: Uint8Array, address: string): void {
    this.#state('talking', peer, address);
  }

  /** The standing of a peer for the sharing of memory and work. */
  standing(address: string): Standing {
    const { known, talking } = this.#groups;
    if (known.states.peek(address)?.dialled === true || this.#isNamed(address)) return 'known';
    return talking.states.peek(address) === undefined ? 'stranger' : 'talking';
  }

  /** The context for public-key operations that `peer` causes; `null` over the limits, before any work is done. */
  admit(peer: Uint8Array, nowMs: number): HandshakeContext | null {
    const address = encodeHex(peer);
    const standing = this.standing(address);
    const shared = this.#groups[standing].bucket;
    if (!shared.tryConsume(nowMs)) return null;
    const { context, bucket } = this.#state(standing, peer, address);
    if (bucket.tryConsume(nowMs)) return context;
    shared.refund();
    return null;
  }

  #state(standing: Standing, peer: Uint8Array, address: string): PeerState {
    const { states, perPeer } = this.#groups[standing];
    return states.get(address, () => ({
      context: this.#contextOf(address) ?? this.#newContext(peer),
      bucket: bucketOf(perPeer),
      dialled: false,
    }));
  }

  /** The context of a peer that had another standing before. */
  #contextOf(address: string): HandshakeContext | undefined {
    for (const { states } of Object.values(this.#groups)) {
      const found = states.peek(address);
      if (found !== undefined) return found.context;
    }
    return undefined;
  }

  #newContext(peer: Uint8Array): HandshakeContext {
    const { provider, random, staticKey } = this.#own;
    const own = peer.slice();
    return { provider, random, staticKey, peer: own, sharedStatic: staticKey.dh(own) };
  }
}
