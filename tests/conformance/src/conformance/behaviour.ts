import type { IncomingMessage } from 'node:http';
import type { WsPeerSocket } from '@sws/client/ws';
import type { WebSocket } from 'ws';

/** The part of both servers' sockets that the behaviours use: the same code runs behind `ws` and behind a relay. */
type ServerSocket = WebSocket | WsPeerSocket;

/** How the server chooses a subprotocol: `?choose=` names it; without, none. */
export function handleProtocols(_offered: Set<string>, request: IncomingMessage): string | false {
  return query(request).get('choose') ?? false;
}

/** `/refuse` is refused. */
export function verifyClient({ req }: { readonly req: IncomingMessage }): boolean {
  return !req.url?.startsWith('/refuse');
}

function query(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'ws://x').searchParams;
}

/** What a server saw of a client's close, by `?id=`. */
const closes = new Map<string, string>();

/** What was noted under this id, or `null` as long as that socket is open. */
export function noted(id: string): string | null {
  return closes.get(id) ?? null;
}

/** Does to a new socket what its path says. */
export function behave(socket: ServerSocket, request: IncomingMessage): void {
  const asked = query(request);
  const [, name] = (request.url ?? '/').split(/[/?]/);
  const onMessage = (heard: (data: Buffer, isBinary: boolean) => void): void => {
    (socket as WebSocket).on('message', (data, isBinary) => heard(data as Buffer, isBinary));
  };
  const onClose = (heard: (code: number, reason: Buffer) => void): void => {
    (socket as WebSocket).on('close', (code, reason) => heard(code, reason));
  };
  switch (name) {
    case 'echo':
      onMessage((data, isBinary) => socket.send(data, { binary: isBinary }));
      break;
    case 'report':
      onMessage((data, isBinary) => socket.send(JSON.stringify({ binary: isBinary, hex: data.toString('hex') })));
      break;
    case 'url':
      socket.send(request.url ?? '');
      break;
    case 'send':
      for (const item of asked.getAll('text')) socket.send(item);
      for (const item of asked.getAll('hex')) socket.send(Buffer.from(item, 'hex'));
      break;
    case 'close': {
      const code = asked.get('code');
      for (const item of asked.getAll('text')) socket.send(item);
      socket.close(code === null ? undefined : Number(code), asked.get('reason') ?? undefined);
      break;
    }
    case 'drop':
      onMessage(() => socket.terminate());
      break;
    case 'note': {
      const texts: string[] = [];
      onMessage((data) => texts.push(data.toString()));
      onClose((code, reason) => closes.set(asked.get('id') ?? '', JSON.stringify([code, reason.toString(), texts])));
      break;
    }
    case 'noted':
      onMessage((data) => socket.send(closes.get(data.toString()) ?? ''));
      break;
  }
}
