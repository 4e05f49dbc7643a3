import { mkdir, realpath } from 'node:fs/promises';
import { type ConnectionEvent, Endpoint, type SecureWebSocket } from '@sws/client';
import { parseAddress } from '@sws/crypto';
import { EXIT } from './exit-code.js';
import { FILES_CLOSE, FILES_PROTOCOL, MAX_OFFER_BYTES } from './file-protocol.js';
import { FileReceiver, type ReceiverOptions } from './file-receiver.js';
import { type IdentityFlags, waitForIdentity } from './identity.js';
import { Progress } from './progress.js';
import { confirmFiles } from './prompt.js';
import { followRelay } from './relay-state.js';
import { onSignal } from './signals.js';
import { StoredFiles } from './stored-files.js';

/** Senders at a time; further ones are refused. */
const MAX_SENDERS = 16;

export interface RecvFlags extends IdentityFlags {
  readonly relay: string;
  /** The folder that files come to. */
  readonly out: string;
  /** The keys that may send. */
  readonly from?: readonly string[];
  /** Everyone may send. */
  readonly acceptAll?: boolean;
  /** End when the files of one sender are here. */
  readonly once?: boolean;
  /** What the files of one sender may have together, in bytes. */
  readonly maxSize?: number;
  readonly force?: boolean;
}

/** Receives files until a signal, or with `once` from one sender; resolves with the exit code. */
export async function recv(flags: RecvFlags, json: NodeJS.WriteStream | null): Promise<number> {
  const { from, acceptAll = false, force = false, maxSize = Number.POSITIVE_INFINITY } = flags;
  for (const key of from ?? []) parseAddress(key);
  const asks = from === undefined && !acceptAll;
  if (asks && !(process.stdin.isTTY && process.stderr.isTTY && json === null))
    throw new Error('say who may send: --from <address…>, or --accept-all; without them, a terminal is needed to ask');
  await mkdir(flags.out, { recursive: true });
  const folder = await realpath(flags.out);
  const progress = new Progress(json);
  const identity = await waitForIdentity(flags, progress.tell);
  const options: ReceiverOptions = {
    folder,
    force,
    maxBytes: maxSize,
    stored: new StoredFiles(),
    agree: asks ? confirmFiles : async () => true,
  };
  const receiving = new Map<string, FileReceiver>();
  const endpoint = new Endpoint(flags.relay, {
    identity,
    maxMessageBytes: MAX_OFFER_BYTES,
    accept: ({ peer, protocols }) =>
      protocols.includes(FILES_PROTOCOL) &&
      (from === undefined || from.includes(peer)) &&
      (receiving.size < MAX_SENDERS || receiving.has(peer)) && { protocol: FILES_PROTOCOL },
  });
  let release = (): void => {};
  try {
    return await new Promise<number>((resolve, reject) => {
      const serve = async (socket: SecureWebSocket): Promise<void> => {
        const { peer } = socket;
        const before = receiving.get(peer);
        const receiver = new FileReceiver(socket, options, progress, before?.end ?? Promise.resolve());
        receiving.set(peer, receiver);
        // A sender that was killed and has come again: its parts are free once the old channel is.
        before?.stop(FILES_CLOSE.superseded);
        const { over, whole } = await receiver.end;
        if (receiving.get(peer) === receiver) receiving.delete(peer);
        if (over && flags.once === true) resolve(whole ? EXIT.delivered : EXIT.notDelivered);
      };
      endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => void serve(socket).catch(reject));
      followRelay(endpoint, progress.tell, {
        onFirst: () => {
          const url = `${endpoint.url}${identity.publicKey}`;
          progress.tell(
            { event: 'listening', address: identity.publicKey, url, folder },
            `receiving as ${identity.publicKey} into ${folder}\nsend with: sws send <file…> ${url}`,
          );
        },
        onRefused: reject,
      });
      release = onSignal(() => {
        const busy = [...receiving.values()];
        for (const receiver of busy) receiver.stop(FILES_CLOSE.stopped);
        resolve(busy.length > 0 || flags.once === true ? EXIT.notDelivered : EXIT.delivered);
      });
    });
  } finally {
    release();
    await endpoint.close();
    await Promise.all([...receiving.values()].map(({ end }) => end));
    progress.close();
  }
}
