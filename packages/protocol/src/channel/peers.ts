import { encodeHex } from '@sws/crypto';
import type { HandshakeContext } from './handshake.js';
import { Lru } from './lru.js';
import { TokenBucket } from './token-bucket.js';

const CACHED_PEERS = 256;
const HANDSHAKES_PER_SECOND = { perPeer: 32, inAll: 128, burst: 2 } as const;

interface PeerState {
  readonly context: HandshakeContext;
  readonly bucket: TokenBucket;
}

function bucketOf(perSecond: number): TokenBucket {
  return new TokenBucket(perSecond, perSecond * HANDSHAKES_PER_SECOND.burst);
}

/** What is kept of the peers met last: the Diffie-Hellman of both static keys, and how much more work each may cause. */
export class Peers {
  readonly #own: Pick<HandshakeContext, 'provider' | 'random' | 'staticKey'>;
  readonly #states = new Lru<PeerState>(CACHED_PEERS);
  readonly #bucket = bucketOf(HANDSHAKES_PER_SECOND.inAll);

  constructor(own: Pick<HandshakeContext, 'provider' | 'random' | 'staticKey'>) {
    this.#own = own;
  }

  /** What a handshake with this peer takes. */
  context(peer: Uint8Array): HandshakeContext {
    return this.#state(peer).context;
  }

  /** The same for work that costs a Diffie-Hellman, which is limited per peer and in all; `null` over it, before any is done. */
  admit(peer: Uint8Array, nowMs: number): HandshakeContext | null {
    if (!this.#bucket.take(nowMs)) return null;
    const { context, bucket } = this.#state(peer);
    if (bucket.take(nowMs)) return context;
    this.#bucket.put();
    return null;
  }

  #state(peer: Uint8Array): PeerState {
    return this.#states.get(encodeHex(peer), () => {
      const { provider, random, staticKey } = this.#own;
      const own = peer.slice();
      const context = { provider, random, staticKey, peer: own, sharedStatic: staticKey.dh(own) };
      return { context, bucket: bucketOf(HANDSHAKES_PER_SECOND.perPeer) };
    });
  }
}
