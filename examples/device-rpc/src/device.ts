// The program on the device. It is reached by its key, and needs no open port and no certificate.
import { Identity, randomBytes } from '@sws/client';
import { fileStore } from '@sws/client/node';
import { SecureWebSocketServer } from '@sws/client/ws';
import { JSONRPCServer } from 'json-rpc-2.0';

/** Starts the device; resolves with its URL once it can be called. */
export async function startDevice(relay: string): Promise<string> {
  const seed = await fileStore('device.identity').loadOrCreate(() => randomBytes(32));
  /** The first page that calls owns the device, like pairing a lamp. A real device would keep this on disk. */
  let owner: string | undefined;
  let lamp = false;

  const rpc = new JSONRPCServer();
  rpc.addMethod('read', () => ({ celsius: 20 + Math.round(Math.random() * 50) / 10, lamp }));
  rpc.addMethod('setLamp', ({ on }: { readonly on: boolean }) => {
    lamp = on === true;
    return { lamp };
  });

  const server = new SecureWebSocketServer({
    relay,
    identity: Identity.fromSeed(seed),
    // Called before there is a socket. The address is proven: nobody can call with the address of another.
    verifyClient: ({ req }) => owner === undefined || req.socket.remoteAddress === owner,
  });
  server.on('connection', (socket, request) => {
    owner ??= request.socket.remoteAddress;
    if (request.socket.remoteAddress !== owner) return socket.close(1008, 'not yours');
    socket.on('message', async (data) => {
      const answer = await rpc.receiveJSON(String(data));
      if (answer !== null) socket.send(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  return server.url ?? '';
}
