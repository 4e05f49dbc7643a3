import { expect } from 'vitest';
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type EndpointOptions,
  type SecureWebSocket,
} from '../src/index.js';
import { event, newIdentity } from './relay.js';
import { pass, VirtualNetwork, virtualTime } from './virtual-network.js';

/** Endpoints in a network and a time of their own. */
export class EndpointWorld {
  readonly network = new VirtualNetwork();
  readonly endpoints: Endpoint[] = [];
  readonly #restore = virtualTime();

  /** Closes every endpoint, and gives the time back. */
  async stop(): Promise<void> {
    await Promise.all([...this.endpoints.map((one) => one.close({ graceMs: 0 })), pass(2_000)]);
    this.#restore();
  }

  endpoint(options: EndpointOptions = {}): Endpoint {
    const made = new Endpoint('ws://localhost/', {
      identity: newIdentity(),
      WebSocket: this.network.WebSocket,
      accept: () => true,
      ...options,
    });
    this.endpoints.push(made);
    return made;
  }

  /** Two endpoints, and a channel that the first has opened. */
  async pair(
    options: EndpointOptions = {},
  ): Promise<{ a: Endpoint; b: Endpoint; socket: SecureWebSocket; other: SecureWebSocket }> {
    const [a, b] = [this.endpoint(options), this.endpoint()];
    await pass(500);
    const connection = event<ConnectionEvent>(b, 'connection');
    const socket = a.connect(b.address ?? '');
    await pass(500);
    expect(socket.readyState).toBe(ClientSecureWebSocket.OPEN);
    return { a, b, socket, other: (await connection).socket };
  }
}
