import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type Backplane, Router } from '@sws/router';
import { attach } from '@sws/server';
import { pageHandler } from './page.js';

/** Settings of a relay. */
export interface RelayOptions {
  /** 0 for any that is free. @defaultValue 8787 */
  readonly port?: number;
  /** The interface to listen on. @defaultValue 127.0.0.1; with `hosts`, all */
  readonly host?: string;
  /** Authorities that clients dial, such as `relay.example`. @defaultValue loopback names */
  readonly hosts?: readonly string[];
  /** The relay's own identity. @defaultValue a new one */
  readonly identity?: Identity;
  /** Serves the chat page. @defaultValue true */
  readonly chat?: boolean;
  /** Joins other relays. @defaultValue none */
  readonly backplane?: Backplane;
  /** Called with what happens; keys are shortened, contents are never known. */
  readonly onEvent?: (event: { readonly type: 'registered' | 'closed'; readonly key: string }) => void;
}

/** A relay that listens. */
export interface Relay {
  readonly url: string;
  readonly port: number;
  /** What clients pin: the relay's signing key, 64 hex digits. */
  readonly serverKey: string;
  /** Asks clients to come back, then closes. */
  drain(options?: { readonly spreadMs?: number; readonly deadlineMs?: number }): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
}

/** Starts a relay: HTTP server, registration, routing and the chat page on one port. Rejects if the port is taken. */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const {
    port = 8787,
    hosts,
    host = hosts === undefined ? '127.0.0.1' : undefined,
    chat = true,
    backplane,
    onEvent,
  } = options;
  const identity = options.identity ?? Identity.generate(randomBytes, nodeProvider);
  const router = new Router(backplane === undefined ? {} : { backplane });
  const server = createServer(pageHandler({ chat, ready: () => !router.draining }));
  const attached = attach(server, {
    identity,
    ...(hosts === undefined ? {} : { hosts }),
    admit: (...client) => router.admit(...client),
    maxMessage: router.limits.maxMessage,
    onSocket(socket) {
      router.attach(socket);
      const key = `${socket.publicKey.slice(0, 8)}…`;
      onEvent?.({ type: 'registered', key });
      const routed = socket.onclose;
      socket.onclose = () => {
        routed?.();
        onEvent?.({ type: 'closed', key });
      };
    },
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  const shown =
    host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const close = async (): Promise<void> => {
    attached.close();
    const closed = server.listening ? once(server, 'close') : Promise.resolve();
    router.close();
    server.close();
    // Sockets that have been told to close get a moment; the rest are cut.
    setTimeout(() => server.closeAllConnections(), 200).unref();
    server.closeIdleConnections();
    await closed;
  };
  return {
    url: `http://${shown}:${bound}/`,
    port: bound,
    serverKey: identity.signingKey,
    close,
    async drain(drainOptions = {}) {
      await router.drain(drainOptions);
      await close();
    },
  };
}
