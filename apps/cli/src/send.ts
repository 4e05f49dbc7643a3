import { setTimeout as delay } from 'node:timers/promises';
import { Endpoint, type SecureWebSocketStreamError } from '@sws/client';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import { FILES_CLOSE, FILES_PROTOCOL, MAX_FILES, MAX_OFFER_BYTES } from './file-protocol.js';
import { type AttemptEnd, FileSender, offerText } from './file-sender.js';
import { type IdentityFlags, loadIdentity } from './identity.js';
import { OutgoingFile, STANDARD_INPUT } from './outgoing-file.js';
import { Progress } from './progress.js';
import { onSignal } from './signals.js';

export interface SendFlags extends IdentityFlags {
  readonly relay: string;
  /** Seconds to wait for an absent peer, at the beginning and whenever it goes. */
  readonly wait: number;
  /** What the receiver is to call the file, if it is one. */
  readonly name?: string;
}

/** Between two attempts to reach who is away: doubling from the first to the last. */
const RETRY_MS = { first: 500, last: 5_000 } as const;
/** What may pass: the peer or the relay was away, or the peer's process is another now. */
const PASSING: ReadonlySet<string> = new Set([
  'connection-lost',
  'offline',
  'unknown-channel',
  'resume-timeout',
  'open-timeout',
  'close-timeout',
  String(FILES_CLOSE.stopped),
]);

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
  const endpoint = new Endpoint(relay, { identity: await loadIdentity(flags), maxMessageBytes: 65_536 });
  const stopped = new AbortController();
  const release = onSignal(() => {
    stopped.abort();
    void endpoint.close();
  });
  const pending = (): readonly OutgoingFile[] => files.filter(({ fate }) => fate === 'pending');

  const attempt = async (): Promise<AttemptEnd & { readonly opened: boolean }> => {
    const socket = endpoint.connect(peer, { resource, protocols: FILES_PROTOCOL });
    try {
      return { ...(await new FileSender(socket, pending(), progress).run()), opened: true };
    } catch (error) {
      const { code, message } = error as SecureWebSocketStreamError;
      return { complete: false, code, detail: message, opened: false };
    }
  };

  try {
    let everOpened = false;
    let waitUntilMs = Date.now() + flags.wait * 1_000;
    let retryMs: number = RETRY_MS.first;
    for (;;) {
      const end = await attempt();
      everOpened ||= end.opened;
      if (end.complete) return files.every(({ fate }) => fate === 'stored') ? EXIT.delivered : EXIT.notDelivered;
      const { code, detail } = end;
      if (end.opened) {
        waitUntilMs = Date.now() + flags.wait * 1_000;
        retryMs = RETRY_MS.first;
      }
      const again =
        !stopped.signal.aborted &&
        PASSING.has(code) &&
        Date.now() < waitUntilMs &&
        pending().every(({ canBegin }) => canBegin);
      if (!again) {
        const words = everOpened ? 'not all was delivered' : 'could not connect';
        const hint =
          everOpened && pending().every(({ canBegin }) => canBegin)
            ? '. Send it again to go on from where it stopped'
            : '';
        progress.tell({ event: 'failed', peer, code, detail }, `sws: ${words} (${detail})${hint}`);
        return everOpened ? EXIT.notDelivered : EXIT.failed;
      }
      if (end.opened || retryMs === RETRY_MS.first)
        progress.tell({ event: 'waiting', peer, code, detail }, `waiting for the peer (${detail})`);
      await delay(retryMs * (0.5 + Math.random() / 2), undefined, { signal: stopped.signal }).catch(() => {});
      retryMs = Math.min(2 * retryMs, RETRY_MS.last);
    }
  } finally {
    release();
    progress.close();
    await endpoint.close();
  }
}
