import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';

type Emit = (event: string | symbol, ...given: unknown[]) => boolean;

/** What is done with the requests of a server that others may share. */
export interface UpgradeEvents {
  /** Whether an upgrade is ours to answer. */
  readonly isOurs: (request: IncomingMessage) => boolean;
  /** An upgrade that is ours: nobody else sees it. */
  readonly take: (request: IncomingMessage, raw: Duplex, head: Buffer) => void;
  /** An upgrade that is not ours, where others listen for upgrades too; called before they see it. */
  readonly leave: (request: IncomingMessage) => void;
  /** An upgrade that is not ours, where nobody else listens. */
  readonly refuse: (request: IncomingMessage, raw: Duplex) => void;
  /** An ordinary request, before whoever answers it. */
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
}

/**
 * Takes a server's upgrades that are ours, and leaves the rest to others, whoever came first. `emit` is wrapped because
 * listeners can't keep an event from each other: a `WebSocketServer` of `ws` with a `path` answers 400 to every upgrade
 * for another path, onto a socket that is already ours. Socket.IO also removes and calls the listeners of `request`.
 */
export function shareUpgrades(server: HttpServer | HttpsServer, events: UpgradeEvents): void {
  const emit = server.emit.bind(server) as Emit;
  const share: Emit = (event, ...given) => {
    if (event === 'request') events.request(given[0] as IncomingMessage, given[1] as ServerResponse);
    else if (event === 'upgrade') {
      const [request, raw, head] = given as [IncomingMessage, Duplex, Buffer];
      if (events.isOurs(request)) {
        events.take(request, raw, head);
        return true;
      }
      if (server.listenerCount('upgrade') > 1) events.leave(request);
    }
    return emit(event, ...given);
  };
  server.emit = share;
  // Without a listener Node would treat an upgrade as an ordinary request.
  server.on('upgrade', (request, raw) => {
    if (server.listenerCount('upgrade') === 1) events.refuse(request, raw);
  });
}
