import { type Identity, randomBytes, seal, unseal } from '@sws/client';
import { type Contact, History, type Message } from './history.js';
import { erase, replaceIdentity } from './person.js';
import { openPiece, PIECE_BYTES, SEALED_PIECE_BYTES, sealPiece } from './sealed.js';
import { loadSettings, type Settings, saveSettings } from './settings.js';

/**
 * A backup is the identity, sealed with a passphrase, as a line of text, and behind it what the identity keeps: lines of
 * JSON, cut into pieces that are sealed under a key of the identity and of that first line. `end` is the last line.
 */
type Line =
  | { readonly type: 'settings'; readonly settings: Settings }
  | { readonly type: 'contact'; readonly contact: Contact }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'end' };

/** Messages that are read, and written, at a time. */
const BATCH = 500;
/** The first line is shorter than this, in bytes. */
const MAX_HEAD_BYTES = 4_096;
const encoder = new TextEncoder();

/** How far a backup or a restoration is, from 0 to 1. */
export type OnProgress = (part: number) => void;

function keyOf(identity: Identity, head: string): Uint8Array {
  return identity.storageKey(`sws.chat backup ${head}`);
}

/** A file's bytes do not come along: a peer may still offer it, and ours can't be fetched from elsewhere. */
function withoutBytes(message: Message): Message {
  if (message.file === null) return message;
  const state = message.mine ? (message.file.state === 'stored' ? 'stored' : 'cancelled') : 'offered';
  return { ...message, file: { ...message.file, state } };
}

async function* linesOf(history: History, onProgress: OnProgress): AsyncGenerator<Line> {
  yield { type: 'settings', settings: await loadSettings(history) };
  const all = await history.count();
  let done = 0;
  for (const contact of await history.contacts()) {
    yield { type: 'contact', contact };
    for (let after = 0; ; ) {
      const page = await history.pageAfter(contact.id, after, BATCH);
      for (const message of page) yield { type: 'message', message: withoutBytes(message) };
      after = page.at(-1)?.seq ?? after;
      done += page.length;
      onProgress(done / Math.max(1, all));
      if (page.length < BATCH) break;
    }
  }
  yield { type: 'end' };
}

async function* piecesOf(lines: AsyncGenerator<Line>, key: Uint8Array): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let waiting = new Uint8Array();
  let index = 0;
  for await (const line of lines) {
    const bytes = encoder.encode(`${JSON.stringify(line)}\n`);
    const all = new Uint8Array(waiting.length + bytes.length);
    all.set(waiting);
    all.set(bytes, waiting.length);
    let at = 0;
    for (; all.length - at >= PIECE_BYTES; at += PIECE_BYTES)
      yield sealPiece(key, index++, all.subarray(at, at + PIECE_BYTES));
    waiting = all.slice(at);
  }
  yield sealPiece(key, index, waiting);
}

/** A backup of an identity with its contacts and messages, made as it is read: no more than a piece of it is in memory. */
export function backUp(
  identity: Identity,
  history: History,
  passphrase: string,
  onProgress: OnProgress,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  async function* bytes(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const head = await seal(identity, passphrase, randomBytes);
    yield encoder.encode(`${head}\n`);
    yield* piecesOf(linesOf(history, onProgress), keyOf(identity, head));
  }
  const made = bytes();
  return new ReadableStream(
    {
      async pull(controller) {
        const { value, done } = await made.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

/** A backup of which the passphrase was right. */
export interface OpenedBackup {
  readonly identity: Identity;
  /**
   * Writes what the backup holds into a history, but nothing of contacts that are there already.
   * @throws Error where the backup is damaged or cut off
   */
  readonly writeInto: (history: History, onProgress: OnProgress) => Promise<void>;
}

/** Opens a backup. @throws SwsError `sealed-malformed`, `wrong-passphrase` */
export async function openBackup(file: Blob, passphrase: string): Promise<OpenedBackup> {
  const start = await file.slice(0, MAX_HEAD_BYTES).text();
  const [head = ''] = start.split('\n', 1);
  const identity = await unseal(head, passphrase);
  // An identity alone is a backup, too: the command line makes those.
  const body = file.slice(head.length + 1);
  return {
    identity,
    writeInto: async (history, onProgress) => {
      if (body.size > 0) await write(readLines(body, keyOf(identity, head), onProgress), history);
    },
  };
}

async function* readLines(body: Blob, key: Uint8Array, onProgress: OnProgress): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let rest = '';
  for (let index = 0; index * SEALED_PIECE_BYTES < body.size; index++) {
    const sealed = body.slice(index * SEALED_PIECE_BYTES, (index + 1) * SEALED_PIECE_BYTES);
    const piece = openPiece(key, index, new Uint8Array(await sealed.arrayBuffer()));
    if (piece === null) throw new Error('This backup is damaged.');
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as Line;
    onProgress(Math.min(1, ((index + 1) * SEALED_PIECE_BYTES) / body.size));
  }
}

async function write(lines: AsyncGenerator<Line>, history: History): Promise<void> {
  const known = new Set((await history.contacts()).map(({ address }) => address));
  let batch: Message[] = [];
  let takes = false;
  let whole = false;
  for await (const line of lines) {
    if (line.type === 'settings' && known.size === 0) await saveSettings(history, line.settings);
    if (line.type === 'contact') {
      takes = !known.has(line.contact.address);
      if (takes) await history.putContact(line.contact);
    }
    if (line.type === 'message' && takes) batch.push(line.message);
    whole = line.type === 'end';
    if (batch.length < BATCH && !whole) continue;
    await history.restore(batch);
    batch = [];
  }
  if (!whole) throw new Error('This backup is incomplete: its end is missing.');
}

/**
 * Becomes the identity of a backup, with its contacts and messages. The history that this window had is erased, unless it
 * is the backup's own. `leave` ends what runs under the present one.
 * @throws SwsError `sealed-malformed`, `wrong-passphrase`
 * @throws Error in words where the backup is damaged; then nothing has changed
 */
export async function restore(
  current: Identity,
  file: Blob,
  passphrase: string,
  onProgress: OnProgress,
  leave: () => Promise<void>,
): Promise<void> {
  const { identity, writeInto } = await openBackup(file, passphrase);
  const history = await History.open(identity);
  const isNew = (await history.contacts()).length === 0;
  try {
    await writeInto(history, onProgress);
  } catch (error) {
    history.close();
    if (isNew && identity.publicKey !== current.publicKey) await History.erase(identity.publicKey);
    throw error;
  }
  history.close();
  await leave();
  await replaceIdentity(identity.exportSeed());
  if (identity.publicKey !== current.publicKey) await erase(current.publicKey);
}
