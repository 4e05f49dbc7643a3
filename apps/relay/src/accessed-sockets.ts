import type { IncomingMessage } from 'node:http';
import type { Authorization, ServerSecureWebSocket } from '@sws/server';
import type { Access } from './access.js';

interface Grant {
  readonly publicKey: string;
  readonly token: string | null;
}

/**
 * The registered sockets, each with its authorization, so that a change of the lists applies to connected clients too.
 */
export class AccessedSockets {
  readonly #access: Access | undefined;
  /** By TCP connection, from `authorize` to its end. */
  readonly #grants = new Map<IncomingMessage['socket'], Grant>();
  readonly #sockets = new Map<string, ServerSecureWebSocket>();

  constructor(access: Access | undefined) {
    this.#access = access;
    if (access !== undefined) access.onchange = () => this.#check(access);
  }

  authorize(client: Grant & { readonly request: IncomingMessage }): Authorization {
    const { publicKey, token, request } = client;
    const answer = this.#access?.allows(publicKey, token) ?? true;
    if (answer === false) return false;
    const { socket } = request;
    this.#grants.set(socket, { publicKey, token });
    socket.once('close', () => this.#grants.delete(socket));
    return answer;
  }

  /** Adds a registered socket. Call the returned function when it has closed. */
  add(socket: ServerSecureWebSocket): () => void {
    if (this.#access === undefined) return () => {};
    const { publicKey } = socket;
    this.#sockets.set(publicKey, socket);
    return () => {
      if (this.#sockets.get(publicKey) === socket) this.#sockets.delete(publicKey);
    };
  }

  close(): void {
    if (this.#access !== undefined) this.#access.onchange = null;
  }

  #check(access: Access): void {
    for (const { publicKey, token } of [...this.#grants.values()]) {
      if (access.allows(publicKey, token) === false)
        this.#sockets.get(publicKey)?.close({ code: 'forbidden', detail: 'this key may no longer use this relay' });
    }
  }
}
