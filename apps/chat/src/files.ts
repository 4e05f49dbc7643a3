import { type Signal, signal } from '@preact/signals';
import type { Endpoint, SecureWebSocket } from '@sws/client';
import type { FileOffer } from './chat-protocol.js';
import { CHUNK_BYTES, CLOSE_CANCELLED, CLOSE_WITHDRAWN, readFileResource } from './file-protocol.js';
import type { FileStore } from './file-store.js';
import { type History, type Message, messageKey, newMessage } from './history.js';
import { type FetchEnd, fetchFile } from './incoming-file.js';
import { sendFile } from './outgoing-file.js';
import type { Presence } from './peer-link.js';
import { plainSource, type Source, streamOf } from './sealed.js';
import { Transfer } from './transfer.js';

/** Drawn as images. Raster formats alone: an SVG is a document. */
const RASTER_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif']);
/** Images up to this size are fetched from a contact without asking, and shown. */
export const MAX_PREVIEW_BYTES = 10 * 1_048_576;
/** A copy of more than this takes a moment. */
const SLOW_COPY_BYTES = 20 * 1_048_576;
const RETRY_MS = 3_000;
/** Files up to this size do not wait for a larger one, or for each other's round trips: so many go at a time. */
const SMALL_BYTES = 1_048_576;
export const SMALL_AT_A_TIME = 4;
/** A file that breaks off so often without a byte of progress has failed. */
const MAX_TRIES = 5;

/** What is left of a file of which the peer has all. */
const NOTHING = plainSource(new Blob([]));

/** Whether a file may be shown as an image. */
export function isPreviewable({ mime, size }: FileOffer): boolean {
  return RASTER_TYPES.has(mime) && size > 0 && size <= MAX_PREVIEW_BYTES;
}

function isSmall({ file }: Message): boolean {
  return file !== null && file.size <= SMALL_BYTES;
}

/** What the files of a conversation need of it. */
export interface FilesHost {
  readonly endpoint: Endpoint;
  readonly history: History;
  readonly files: FileStore;
  readonly announce: (text: string) => void;
  /** The contact's local id, and its address. */
  readonly contact: string;
  readonly address: string;
  readonly presence: () => Presence;
  readonly replace: (message: Message) => Promise<void>;
}

/** The files of one conversation: those that the peer fetches, and those that we fetch: a large one and some small ones at a time. */
export class Files {
  /** Transfers by message id. */
  readonly transfers: Signal<ReadonlyMap<string, Transfer>> = signal(new Map());
  readonly #host: FilesHost;
  /** How often a fetch was lost without a byte of progress, by message id. */
  readonly #lost = new Map<string, number>();
  /** Files that the browser's storage had no room for: they can go while this window is open. */
  readonly #unkept = new Map<string, Blob>();
  /** Whether small files, and whether large ones, are being fetched. */
  readonly #fetching = new Set<boolean>();
  #closed = false;

  constructor(host: FilesHost) {
    this.#host = host;
  }

  /** Images of moderate size are fetched at once: the contact was accepted. */
  fetchesUnasked(file: FileOffer): boolean {
    return isPreviewable(file);
  }

  /** Keeps copies of a few files that are to be sent: a message for each, without text, and those that can't be read. */
  async offer(files: readonly File[]): Promise<{ readonly offers: Omit<Message, 'seq'>[]; readonly unread: File[] }> {
    const [offers, unread]: [Omit<Message, 'seq'>[], File[]] = [[], []];
    const drafts = files.map((file) => ({ file, draft: newMessage(this.#contact) }));
    const kept = await Promise.allSettled(drafts.map(({ file, draft }) => this.keep(draft.id, file)));
    for (const [index, { file, draft }] of drafts.entries()) {
      const { name, size, type: mime } = file;
      if (kept[index]?.status === 'rejected') unread.push(file);
      else offers.push({ ...draft, file: { name: name.slice(-255), size, mime, state: 'offered' } });
    }
    return { offers, unread };
  }

  /** Keeps a copy of a file that is to be sent. @throws DOMException where it can't be read: it is gone, or has changed */
  async keep(id: string, file: File): Promise<void> {
    if (file.size > SLOW_COPY_BYTES) this.#host.announce(`Keeping a copy of ${file.name} to send …`);
    const name = messageKey(id, true);
    const source = plainSource(file);
    try {
      const writer = await this.#host.files.writer(this.#contact, name);
      try {
        while (writer.size < file.size)
          await writer.append((await source.read(writer.size, writer.size + CHUNK_BYTES)).buffer);
      } finally {
        await writer.close();
      }
    } catch (error) {
      await this.#host.files.remove(this.#contact, name);
      // The writer fails in words; what comes from the browser is that the file can't be read.
      if (error instanceof DOMException) throw error;
      this.#unkept.set(id, file);
      this.#host.announce('There is no space to keep a copy of this file. It can be sent while this window is open.');
    }
  }

  /** The bytes of a file that is here; `null` where they are not. */
  async read({ id, mine }: Message): Promise<Source | null> {
    const unkept = mine ? this.#unkept.get(id) : undefined;
    return unkept === undefined ? this.#host.files.read(this.#contact, messageKey(id, mine)) : plainSource(unkept);
  }

  /** The same as a stream, to be saved. */
  async stream(message: Message): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null> {
    const source = await this.read(message);
    if (source === null) return null;
    if (source.size > SLOW_COPY_BYTES) this.#host.announce(`Opening ${message.file?.name ?? ''} to save …`);
    return streamOf(source);
  }

  /** Asks for a file that was offered. */
  async want(message: Message): Promise<void> {
    await this.#setState(message, 'wanted');
    this.resume();
  }

  /** Stops a transfer for good: of ours, the offer is withdrawn; of theirs, what is here is removed. */
  async cancel(message: Message): Promise<void> {
    await this.#setState(message, 'cancelled');
    await this.forget(message);
  }

  /** Lets go of a file's bytes. */
  async forget(message: Message): Promise<void> {
    if (message.file === null) return;
    this.transfers.value.get(message.id)?.cancel();
    this.#unkept.delete(message.id);
    // What is being written is removed by its writer.
    if (message.mine || this.transfers.value.get(message.id) === undefined) await this.#remove(message);
  }

  /** Lets go of all of them. */
  clear(): void {
    for (const transfer of this.transfers.value.values()) transfer.cancel();
    this.#unkept.clear();
  }

  /** Ends here; what is under way goes on when the page is opened again. */
  close(): void {
    this.#closed = true;
    for (const transfer of this.transfers.value.values()) transfer.stop();
  }

  /** Sends a file over the channel that the peer has opened for it. */
  async serve(socket: SecureWebSocket): Promise<void> {
    const asked = readFileResource(socket.resource);
    const message = asked === null ? null : await this.#host.history.find(this.#contact, asked.id, true);
    if (asked === null || message?.file === null || message === null || message.file.state === 'cancelled')
      return socket.close(CLOSE_WITHDRAWN, 'not on offer');
    const { id } = message;
    const file = message.file.size === asked.from ? NOTHING : await this.read(message);
    if (file === null || asked.from > message.file.size) return socket.close(CLOSE_WITHDRAWN, 'not kept');
    // The peer has come again for it: the channel that it left is over.
    this.transfers.value.get(id)?.stop();
    const transfer = new Transfer(message.file.size);
    transfer.cancel = () => socket.close(CLOSE_WITHDRAWN, 'withdrawn');
    transfer.stop = () => socket.close();
    let refused = false;
    socket.addEventListener('close', (event) => {
      refused = (event as CloseEvent).code === CLOSE_CANCELLED;
    });
    this.#show(id, transfer);
    const whole = await sendFile(socket, file, asked.from, transfer);
    this.#show(id, null, transfer);
    if (refused) this.#host.announce(`${message.file.name} was cancelled by the other person.`);
    if (!whole) return;
    await this.#setState(message, 'stored');
    if (!isPreviewable(message.file)) await this.#remove(message);
  }

  /** Goes on with what is wanted: small files do not wait for large ones. */
  resume(): void {
    for (const small of [true, false]) {
      if (this.#closed || this.#fetching.has(small)) continue;
      this.#fetching.add(small);
      void this.#fetchAll(small).finally(() => this.#fetching.delete(small));
    }
  }

  async #fetchAll(small: boolean): Promise<void> {
    const tried = new Set<string>();
    let again = false;
    for (;;) {
      const wanted = (await this.#host.history.pending(this.#contact)).filter(
        (message) => !message.mine && !tried.has(message.id) && isSmall(message) === small,
      );
      if (wanted.length === 0) break;
      const inTurn = async (): Promise<void> => {
        for (let next = wanted.shift(); next !== undefined && this.#mayFetch; next = wanted.shift()) {
          tried.add(next.id);
          if ((await this.#fetch(next)) === 'lost') again = true;
        }
      };
      await Promise.all(Array.from({ length: small ? SMALL_AT_A_TIME : 1 }, inTurn));
      if (!this.#mayFetch) return;
    }
    if (again) setTimeout(() => this.resume(), RETRY_MS);
  }

  /** A peer that is away says hello when it is back, and then it goes on. */
  get #mayFetch(): boolean {
    const presence = this.#host.presence();
    return !this.#closed && (presence === 'online' || presence === 'interrupted');
  }

  async #fetch(message: Message): Promise<FetchEnd> {
    const { id, file } = message;
    if (file === null) return 'cancelled';
    const transfer = new Transfer(file.size);
    this.#show(id, transfer);
    try {
      const writer = await this.#host.files.writer(this.#contact, messageKey(id, false));
      const { endpoint } = this.#host;
      const before = writer.size;
      const end = await fetchFile(endpoint, this.#host.address, { id, size: file.size }, writer, transfer);
      if (end === 'lost') return await this.#again(message, transfer.done.value > before);
      this.#lost.delete(id);
      if (end !== 'cancelled') await this.#setState(message, end);
      if (end === 'cancelled') await this.#remove(message);
      return end;
    } catch (error) {
      // It stays on offer, with what is on disk: it can be asked for again.
      await this.#setState(message, 'offered');
      this.#host.announce(`${file.name} stopped: ${error instanceof Error ? error.message : 'unknown'}`);
      return 'cancelled';
    } finally {
      this.#show(id, null, transfer);
    }
  }

  /** A fetch was lost: it goes on later, but not for ever. What can't be had stands back, and never in the way of others. */
  async #again(message: Message, advanced: boolean): Promise<FetchEnd> {
    const tries = advanced || this.#host.presence() !== 'online' ? 0 : (this.#lost.get(message.id) ?? 0) + 1;
    this.#lost.set(message.id, tries);
    if (tries < MAX_TRIES) return 'lost';
    this.#lost.delete(message.id);
    await this.#setState(message, 'failed');
    return 'withdrawn';
  }

  async #remove({ id, mine }: Message): Promise<void> {
    await this.#host.files.remove(this.#contact, messageKey(id, mine));
  }

  get #contact(): string {
    return this.#host.contact;
  }

  #show(id: string, transfer: Transfer | null, instead?: Transfer): void {
    const transfers = new Map(this.transfers.value);
    if (transfer !== null) transfers.set(id, transfer);
    else if (transfers.get(id) === instead) transfers.delete(id);
    this.transfers.value = transfers;
  }

  async #setState({ contact, id, mine }: Message, state: NonNullable<Message['file']>['state']): Promise<void> {
    const message = await this.#host.history.find(contact, id, mine);
    if (message?.file != null) await this.#host.replace({ ...message, file: { ...message.file, state } });
  }
}
