import { type ConnectionEvent, Endpoint, type SecureWebSocket } from '@sws/client';
import { type CryptoProvider, type Identity, SwsError } from '@sws/crypto';
import { MAX_OFFER_BYTES } from '../file-protocol.js';
import { DirectLine } from './direct-line.js';
import { BUSY, type Line } from './line.js';
import {
  areInConflict,
  type ConnectTo,
  chosenProtocol,
  type Filter,
  type Listener,
  type NewerPeer,
  newerProtocol,
  type Station,
  type StationState,
} from './station.js';

/** How many newer subprotocols are reported. */
const MAX_TOLD = 8;

interface Taker {
  filter: Filter;
  readonly onLine: (line: Line) => void;
}

/** A listener that can be removed. */
export interface RemovableListener extends Listener {
  remove(): void;
}

/** A station with its own connection to the relay, in this process. It serves any number of commands. */
export class DirectStation implements Station {
  readonly address: string;
  readonly url: string;
  readonly #endpoint: Endpoint;
  readonly #takers = new Set<Taker>();
  readonly #onNewer = new Set<(newer: NewerPeer) => void>();
  /** The newer subprotocols that were reported. */
  readonly #told = new Set<string>();
  #failure: StationState['failure'] = null;

  constructor(relay: string, identity: Identity, provider: CryptoProvider) {
    this.address = identity.publicKey;
    this.#endpoint = new Endpoint(relay, {
      identity,
      provider,
      maxMessageBytes: MAX_OFFER_BYTES,
      accept: ({ peer, resource, protocols }) => {
        const taker = this.#takerOf(peer, resource, protocols);
        const protocol = taker === undefined ? null : chosenProtocol(taker.filter, protocols);
        if (taker === undefined) this.#noteNewer(peer, protocols);
        return protocol === '' ? true : protocol !== null && { protocol };
      },
      isKnown: (peer) => [...this.#takers].some(({ filter }) => filter.only?.includes(peer)),
    });
    this.url = this.#endpoint.url;
    this.#endpoint.addEventListener('state', ({ failure }) => {
      this.#failure = failure;
    });
    this.#endpoint.addEventListener('connection', ({ socket, protocols }: ConnectionEvent) => {
      const taker = this.#takerOf(socket.peer, socket.resource, protocols);
      // Two peers can be accepted before the first connection arrives.
      if (taker === undefined) socket.close(BUSY, 'busy with another peer');
      else taker.onLine(new DirectLine(socket));
    });
  }

  get state(): StationState['state'] {
    return this.#endpoint.state;
  }

  async connect(peer: string, { resource, protocols, signal }: ConnectTo): Promise<Line> {
    const socket = this.#endpoint.connect(peer, { resource, protocols });
    const giveUp = (): void => socket.close();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      return await opened(socket);
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  async listen(filter: Filter, onLine: (line: Line) => void): Promise<RemovableListener> {
    for (const { filter: other } of this.#takers)
      if (areInConflict(filter, other))
        throw new SwsError('already-listening', 'another command of this identity already accepts these connections');
    const taker: Taker = { filter, onLine };
    this.#takers.add(taker);
    return {
      admit: (only) => {
        taker.filter = { ...taker.filter, only };
      },
      remove: () => void this.#takers.delete(taker),
    };
  }

  follow(listener: (state: StationState) => void, onNewer?: (newer: NewerPeer) => void): () => void {
    const tell = ({ state, failure }: StationState): void => {
      listener({ state, failure: failure && { code: failure.code, detail: failure.detail } });
    };
    this.#endpoint.addEventListener('state', tell);
    if (onNewer !== undefined) this.#onNewer.add(onNewer);
    tell({ state: this.#endpoint.state, failure: this.#failure });
    return () => {
      this.#endpoint.removeEventListener('state', tell);
      if (onNewer !== undefined) this.#onNewer.delete(onNewer);
    };
  }

  close(): Promise<void> {
    return this.#endpoint.close();
  }

  #noteNewer(peer: string, protocols: readonly string[]): void {
    const protocol = newerProtocol(protocols);
    if (protocol === undefined || this.#told.has(protocol) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(protocol);
    for (const tell of this.#onNewer) tell({ peer, protocol });
  }

  /** The command that accepts a connection. One that named the path comes before one that accepts any path. */
  #takerOf(peer: string, resource: string, protocols: readonly string[]): Taker | undefined {
    const [path = ''] = resource.split('?', 1);
    const takers = [...this.#takers].filter(
      ({ filter }) => chosenProtocol(filter, protocols) !== null && (filter.only?.includes(peer) ?? true),
    );
    return (
      takers.find(({ filter }) => filter.resources?.includes(path)) ??
      takers.find(({ filter }) => filter.resources === null)
    );
  }
}

/** @throws SwsError if it never opens */
function opened(socket: SecureWebSocket): Promise<Line> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(new DirectLine(socket)), { once: true });
    socket.addEventListener('error', ({ code, message }) => reject(new SwsError(code, message)), { once: true });
  });
}
