import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';

type Emit = (event: string | symbol, ...given: unknown[]) => boolean;

/** Callbacks for the requests of an HTTP server that may have other listeners. */
export interface UpgradeEvents {
  /** Whether we answer an upgrade. */
  readonly isOurs: (request: IncomingMessage) => boolean;
  /** Called with an upgrade that is ours. No other listener sees it. */
  readonly take: (request: IncomingMessage, raw: Duplex, head: Buffer) => void;
  /** Called with an upgrade that is not ours, before other listeners see it. */
  readonly leave: (request: IncomingMessage) => void;
  /** Called with an upgrade that is not ours, if there is no other listener for upgrades. */
  readonly refuse: (request: IncomingMessage, raw: Duplex) => void;
  /** Called with an ordinary request, before other listeners see it. */
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
}

/**
 * Takes a server's upgrades that are ours, and leaves the rest to other listeners, in whichever order they were added.
 * It wraps `emit`, because a listener cannot hide an event from others: a `WebSocketServer` of `ws` with a `path`
 * answers 400 to every upgrade for another path, even on a socket that we have taken. Socket.IO also removes and calls
 * the listeners of `request`.
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
