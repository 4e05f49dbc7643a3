import { setTimeout as delay } from 'node:timers/promises';
import { Endpoint } from '@sws/client';
import { SwsError } from '@sws/crypto';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import { FILES_CLOSE, FILES_PROTOCOL, MAX_FILES, MAX_OFFER_BYTES } from './file-protocol.js';
import { FileSender, offerText } from './file-sender.js';
import { type IdentityFlags, waitForIdentity } from './identity.js';
import { OutgoingFile, STANDARD_INPUT } from './outgoing-file.js';
import { Progress } from './progress.js';
import { mayPass, reach } from './reach.js';
import { followRelay } from './relay-state.js';
import { onSignal } from './signals.js';

export interface SendFlags extends IdentityFlags {
  readonly relay: string;
  /** Seconds to wait for an absent peer, at the beginning and whenever it goes. */
  readonly wait: number;
  /** What the receiver is to call the file, if it is one. */
  readonly name?: string;
}

/** Between a channel that broke and the next: a peer that breaks each one costs no more than this. */
const RETRY_MS = 500;

/** Sends files to a peer; resolves with the exit code. */
export async function send(
  paths: readonly string[],
  to: string,
  flags: SendFlags,
  json: NodeJS.WriteStream | null,
): Promise<number> {
  const { relay, peer, resource } = parseDestination(to, flags.relay);
  if (flags.name !== undefined && paths.length > 1) throw new Error('--name is for one file');
  if (paths.filter((path) => path === STANDARD_INPUT).length > 1) throw new Error('standard input is there only once');
  const files = await Promise.all(paths.map((path) => OutgoingFile.open(path, flags.name)));
  if (files.length > MAX_FILES || Buffer.byteLength(offerText(files)) > MAX_OFFER_BYTES)
    throw new Error(`these are too many files for one send (at most ${MAX_FILES}): pack them with tar`);
  const progress = new Progress(json);
  const endpoint = new Endpoint(relay, {
    identity: await waitForIdentity(flags, progress.tell),
    maxMessageBytes: 65_536,
  });
  // Where the relay refuses for good, the attempt to reach the peer tells.
  followRelay(endpoint, progress.tell, { onFirst: () => {}, onRefused: () => {} });
  const stopped = new AbortController();
  const release = onSignal(() => {
    stopped.abort();
    void endpoint.close();
  });
  const pending = (): readonly OutgoingFile[] => files.filter(({ fate }) => fate === 'pending');

  const waiting = ({ code, message }: SwsError): void =>
    progress.tell({ event: 'waiting', peer, code, detail: message }, `waiting for the peer (${message})`);
  const failed = (code: string, detail: string, opened: boolean): number => {
    const words = opened ? 'not all was delivered' : 'could not connect';
    const hint = opened && pending().every(({ canBegin }) => canBegin) ? '. Send it again to go on from there' : '';
    progress.tell({ event: 'failed', peer, code, detail }, `sws: ${words} (${detail})${hint}`);
    return opened ? EXIT.notDelivered : EXIT.failed;
  };

  let everOpened = false;
  try {
    for (;;) {
      const options = { resource, protocols: FILES_PROTOCOL, waitMs: flags.wait * 1_000 };
      const socket = await reach(endpoint, peer, { ...options, signal: stopped.signal, onWait: waiting });
      everOpened = true;
      const { length } = pending();
      const what = length === 1 ? 'a file' : `${length} files`;
      progress.tell({ event: 'connected', peer }, `connected to ${peer}, who is asked to take ${what}`);
      const end = await new FileSender(socket, pending(), progress).run();
      if (end.complete) return files.every(({ fate }) => fate === 'stored') ? EXIT.delivered : EXIT.notDelivered;
      const { code, detail } = end;
      const passes = mayPass(code) || code === String(FILES_CLOSE.stopped);
      const again = flags.wait > 0 && passes && !stopped.signal.aborted && pending().every(({ canBegin }) => canBegin);
      if (!again) return failed(code, detail, true);
      waiting(new SwsError(code, detail));
      await delay(RETRY_MS, undefined, { signal: stopped.signal }).catch(() => {});
    }
  } catch (error) {
    if (!(error instanceof SwsError)) throw error;
    return failed(error.code, error.message, everOpened);
  } finally {
    release();
    progress.close();
    await endpoint.close();
  }
}
