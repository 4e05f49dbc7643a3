import { mkdir, realpath } from 'node:fs/promises';
import prettyBytes from 'pretty-bytes';
import { Admission, type AdmissionFlags } from './admission.js';
import { readContacts } from './contacts.js';
import { EXIT } from './exit-code.js';
import { FILES_CLOSE, FILES_PROTOCOL, MAX_OFFER_BYTES, type OfferedFile } from './file-protocol.js';
import { FileReceiver, type ReceiverOptions } from './file-receiver.js';
import type { IdentityFlags } from './identity.js';
import { Progress } from './progress.js';
import { askFiles } from './prompt.js';
import { followRelay } from './relay-state.js';
import { onSignal } from './signals.js';
import { BUSY, type Line } from './station/line.js';
import { openStation } from './station/open-station.js';
import { StoredFiles } from './stored-files.js';

/** The most keys that send at a time. Others are refused. */
const MAX_SENDERS = 16;
/** The most channels of one key at a time. */
const MAX_SENDS = 16;
/** The most bytes of all offers of one key: a whole one, and the one that replaces it. */
const MAX_KEY_OFFERS_BYTES = 2 * MAX_OFFER_BYTES;
/** The most bytes of all offers. One takes up to 12 times as much memory. */
const MAX_OFFERS_BYTES = 8 * MAX_OFFER_BYTES;

export interface RecvFlags extends IdentityFlags, AdmissionFlags {
  readonly relay: string;
  /** The folder for received files. */
  readonly out: string;
  /** Whether to end when the files of one sender are here. */
  readonly once?: boolean;
  /** The most bytes of all files of one sender together. */
  readonly maxSize?: number;
  readonly force?: boolean;
  /** Whether to keep permissions and times. @defaultValue true */
  readonly preserve?: boolean;
}

/** Receives files until a signal, or with `once` from one sender; resolves with the exit code. */
export async function recv(flags: RecvFlags, json: NodeJS.WriteStream | null): Promise<number> {
  const { force = false, maxSize = Number.POSITIVE_INFINITY } = flags;
  const contacts = await readContacts();
  const admission = new Admission(flags, 'recv', contacts, json !== null);
  await mkdir(flags.out, { recursive: true });
  const folder = await realpath(flags.out);
  const progress = new Progress(json);
  const station = await openStation(flags, progress.tell);
  /** The receivers of each key, oldest first. */
  const receiving = new Map<string, Set<FileReceiver>>();
  const options: ReceiverOptions = {
    folder,
    force,
    maxBytes: maxSize,
    preserve: flags.preserve !== false,
    stored: new StoredFiles(),
    agree: (peer, files, signal) => agree(admission, station.address, peer, files, signal),
    whenFree: (receiver, files) => {
      const before = [...(receiving.get(receiver.peer) ?? [])].filter(
        (other) => other !== receiver && files.some(({ name }) => other.holds(name)),
      );
      // A killed sender may have started again. Its partial files are free once the old channel has ended.
      for (const other of before) other.stop(FILES_CLOSE.superseded);
      return Promise.all(before.map(({ end }) => end));
    },
    hasRoom: (peer, bytes) =>
      bytes + offerBytesOf(receiving.get(peer) ?? []) <= MAX_KEY_OFFERS_BYTES &&
      bytes + offerBytesOf(all()) <= MAX_OFFERS_BYTES,
  };
  const all = (): FileReceiver[] => [...receiving.values()].flatMap((own) => [...own]);
  let release = (): void => {};
  try {
    return await new Promise<number>((resolve, reject) => {
      const serve = async (line: Line): Promise<void> => {
        const { peer } = line;
        const own = receiving.get(peer) ?? new Set();
        if (own.size >= MAX_SENDS) {
          line.close(BUSY, 'too many sends of this identity at a time');
          return line.drain();
        }
        const receiver = new FileReceiver(line, options, progress);
        receiving.set(peer, own.add(receiver));
        admit();
        const { over, whole } = await receiver.end;
        own.delete(receiver);
        if (own.size === 0) receiving.delete(peer);
        admit();
        if (over && flags.once === true) resolve(whole ? EXIT.delivered : EXIT.notDelivered);
      };
      const filter = { protocols: [FILES_PROTOCOL], resources: null, only: admission.only, exclusive: true };
      const listening = station.listen(filter, (line) => void serve(line).catch(reject));
      /** If all places are taken, a key that has one may connect again, in place of its old channel. */
      const admit = (): void => {
        const only = receiving.size < MAX_SENDERS ? admission.only : [...receiving.keys()];
        void listening.then((listener) => listener.admit(only));
      };
      const onFirst = (): void => {
        const url = `${station.url}${station.address}`;
        progress.tell(
          { event: 'listening', address: station.address, url, folder },
          `receiving as ${station.address} into ${folder}\nsend with: sws send <file…> ${url}`,
        );
      };
      listening.then(() => followRelay(station, progress.tell, { onFirst, onRefused: reject })).catch(reject);
      release = onSignal(() => {
        const busy = all();
        for (const receiver of busy) receiver.stop(FILES_CLOSE.stopped);
        resolve(busy.length > 0 || flags.once === true ? EXIT.notDelivered : EXIT.delivered);
      });
    });
  } finally {
    release();
    await station.close();
    await Promise.all(all().map(({ end }) => end));
    progress.close();
  }
}

function offerBytesOf(receivers: Iterable<FileReceiver>): number {
  let sum = 0;
  for (const { offerBytes } of receivers) sum += offerBytes;
  return sum;
}

/** How many names a question lists. For others it gives the number. */
const MAX_LISTED = 10;

/** Whether to accept files: by the rules, or else by asking the person at the terminal. */
async function agree(
  admission: Admission,
  own: string,
  peer: string,
  files: readonly OfferedFile[],
  signal: AbortSignal,
): Promise<boolean> {
  const known = admission.isAdmitted(peer);
  if (known !== null) return known;
  const bytes = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const listed = files
    .slice(0, MAX_LISTED)
    .map(({ name, size }) => `${name} (${size === null ? 'size unknown' : prettyBytes(size)})`);
  const rest = files.length > MAX_LISTED ? `\n  and ${files.length - MAX_LISTED} more` : '';
  const what = files.length === 1 ? 'a file' : `${files.length} files, ${prettyBytes(bytes)}`;
  const it = files.length === 1 ? 'it' : 'them';
  const answer = await askFiles(
    `${admission.whoIs(peer, own)}\nsends ${what}:\n  ${listed.join('\n  ')}${rest}\nTake ${it}?`,
    signal,
  );
  if (answer === 'always') await admission.allowAlways(peer);
  return answer === 'once' || answer === 'always';
}
