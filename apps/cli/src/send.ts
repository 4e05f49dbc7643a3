import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SwsError } from '@sws/crypto';
import prettyBytes from 'pretty-bytes';
import { calledBy, readContacts } from './contacts.js';
import { parseDestination } from './destination.js';
import { EXIT } from './exit-code.js';
import { FILES_CLOSE, FILES_PROTOCOL, labelOf, MAX_FILES, MAX_OFFER_BYTES } from './file-protocol.js';
import { FileSender, offerText } from './file-sender.js';
import type { IdentityFlags } from './identity.js';
import { OutgoingFile, STANDARD_INPUT } from './outgoing-file.js';
import { type Outgoing, openTree } from './outgoing-tree.js';
import { Progress } from './progress.js';
import { mayPass, reach } from './reach.js';
import { followRelay } from './relay-state.js';
import { shown } from './report.js';
import { onSignal } from './signals.js';
import { BUSY } from './station/line.js';
import { openStation } from './station/open-station.js';

export interface SendFlags extends IdentityFlags {
  readonly relay: string;
  /** Seconds to wait for an absent peer, at the beginning and whenever it leaves. */
  readonly wait: number;
  /** The name for the receiver, if there is only one file or folder. */
  readonly name?: string;
  /** Patterns of files to leave out of folders, as in `.gitignore`. */
  readonly exclude?: readonly string[];
  /** Whether to send permissions and times. @defaultValue true */
  readonly preserve?: boolean;
  /** Whether to print what would be sent, and send nothing. */
  readonly dryRun?: boolean;
}

/** The delay between a broken channel and the next, in case a peer breaks each one. */
const RETRY_MS = 500;

/** Sends files to a peer; resolves with the exit code. */
export async function send(
  paths: readonly string[],
  to: string,
  flags: SendFlags,
  json: NodeJS.WriteStream | null,
): Promise<number> {
  const contacts = await readContacts();
  const { relay, peer, resource } = parseDestination(to, flags.relay, contacts);
  const { files, left } = await openAll(paths, flags);
  if (flags.dryRun === true) return tellDry(files, left, json);
  const progress = new Progress(json);
  for (const { name, why } of left)
    progress.tell({ event: 'left', name, detail: why }, `sws: ${name} is left out: ${why}`);
  const station = await openStation({ ...flags, relay }, progress.tell);
  // If the relay refuses for good, the attempt to reach the peer reports it.
  followRelay(station, progress.tell, { onFirst: () => {}, onRefused: () => {} });
  const stopped = new AbortController();
  const release = onSignal(() => {
    stopped.abort();
    void station.close();
  });
  const pending = (): readonly OutgoingFile[] => files.filter(({ fate }) => fate === 'pending');

  const waiting = ({ code, message }: SwsError): void =>
    progress.tell({ event: 'waiting', peer, code, detail: message }, `waiting for the peer (${message})`);
  const failed = (code: string, detail: string, opened: boolean): number => {
    const words = opened ? 'not everything was delivered' : 'could not connect';
    const hint = opened && pending().every(({ canBegin }) => canBegin) ? '. Send it again to continue' : '';
    progress.tell({ event: 'failed', peer, code, detail }, `sws: ${words} (${detail})${hint}`);
    return opened ? EXIT.notDelivered : EXIT.failed;
  };

  let everOpened = false;
  try {
    for (;;) {
      const options = { resource, protocols: [FILES_PROTOCOL], waitMs: flags.wait * 1_000, evenIfRefused: true };
      const line = await reach(station, peer, { ...options, signal: stopped.signal, onWait: waiting });
      everOpened = true;
      const { length } = pending();
      const what = length === 1 ? 'a file' : `${length} files`;
      progress.tell(
        { event: 'connected', peer },
        `connected to ${calledBy(contacts, peer)}; waiting for them to accept ${what}`,
      );
      const end = await new FileSender(line, pending(), progress).run();
      const isWhole = left.length === 0 && files.every(({ fate }) => fate === 'stored');
      if (end.complete) return isWhole ? EXIT.delivered : EXIT.notDelivered;
      const { code, detail } = end;
      const passes = mayPass(code) || code === String(FILES_CLOSE.stopped) || code === String(BUSY);
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
    await station.close();
  }
}

/** Opens everything to send. @throws Error if something cannot be opened, or there is too much */
async function openAll(paths: readonly string[], flags: SendFlags): Promise<Outgoing> {
  const { name, exclude = [], preserve = true } = flags;
  if (name !== undefined && paths.length > 1) throw new Error('--name works with one file only');
  if (paths.filter((path) => path === STANDARD_INPUT).length > 1)
    throw new Error('standard input can be sent only once');
  const outgoing: Outgoing = { files: [], left: [] };
  for (const path of paths) {
    if (path !== STANDARD_INPUT && (await stat(path)).isDirectory())
      await openTree(path, { name, exclude, preserve }, outgoing);
    else outgoing.files.push(await OutgoingFile.open(path, { name, preserve }));
  }
  const { files } = outgoing;
  if (files.length > MAX_FILES || Buffer.byteLength(offerText(files)) > MAX_OFFER_BYTES)
    throw new Error(`too many files for one send (at most ${MAX_FILES}): send them in parts, or pack them with tar`);
  return outgoing;
}

/** Prints what would be sent, and returns the exit code. */
function tellDry(files: readonly OutgoingFile[], left: Outgoing['left'], json: NodeJS.WriteStream | null): number {
  const say = (report: object, words: string): void =>
    console.log(json === null ? shown(words) : JSON.stringify(report));
  for (const file of files) {
    const { size, kind, target } = file;
    const name = labelOf(file);
    const what = kind === 'link' ? `-> ${target}` : kind === 'folder' ? '/' : size === null ? '' : prettyBytes(size);
    say({ event: 'would-send', name, size, kind: kind ?? 'file' }, `${name}${kind === 'folder' ? '' : '  '}${what}`);
  }
  for (const { name, why } of left) say({ event: 'left', name, detail: why }, `left out: ${name}: ${why}`);
  const bytes = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const count = files.filter(({ kind }) => kind === undefined).length;
  say({ event: 'would-send-all', files: count, bytes }, `${count} files, ${prettyBytes(bytes)}`);
  return left.length === 0 ? EXIT.delivered : EXIT.notDelivered;
}
