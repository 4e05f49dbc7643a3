import { type Signal, signal } from '@preact/signals';
import type { SecureWebSocket } from '@sws/client';
import type { FileOffer } from './chat-protocol.js';
import type { Conversation, Surroundings } from './conversation.js';
import { CLOSE_CANCELLED, CLOSE_WITHDRAWN, readFileResource } from './file-protocol.js';
import type { Message } from './history.js';
import { type FetchEnd, fetchFile } from './incoming-file.js';
import { sendFile } from './outgoing-file.js';
import { Transfer } from './transfer.js';

/** Drawn as images. Raster formats alone: an SVG is a document. */
const RASTER_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif']);
/** Images up to this size are fetched from a contact without asking, and shown. */
export const MAX_PREVIEW_BYTES = 10 * 1_048_576;
/** A copy of more than this takes a moment. */
const SLOW_COPY_BYTES = 20 * 1_048_576;
const RETRY_MS = 3_000;

/** Whether a file may be shown as an image. */
export function isPreviewable({ mime, size }: FileOffer): boolean {
  return RASTER_TYPES.has(mime) && size > 0 && size <= MAX_PREVIEW_BYTES;
}

/** The files of one conversation: those that the peer fetches, and those that we fetch, one at a time. */
export class Files {
  /** Transfers by message id. */
  readonly transfers: Signal<ReadonlyMap<string, Transfer>> = signal(new Map());
  readonly #around: Surroundings;
  readonly #conversation: Conversation;
  /** Files that the browser's storage had no room for: they can go while this window is open. */
  readonly #unkept = new Map<string, Blob>();
  #fetching = false;
  #closed = false;

  constructor(around: Surroundings, conversation: Conversation) {
    this.#around = around;
    this.#conversation = conversation;
  }

  /** Images of moderate size are fetched at once: the contact was accepted. */
  fetchesUnasked(file: FileOffer): boolean {
    return isPreviewable(file);
  }

  /** Keeps a file that is to be sent. */
  async keep(id: string, file: File): Promise<void> {
    if (file.size > SLOW_COPY_BYTES) this.#around.announce(`Keeping a copy of ${file.name} to send …`);
    try {
      await this.#around.history.putFile(this.#contact, id, file);
    } catch {
      this.#unkept.set(id, file);
      this.#around.announce('There is no room to keep a copy of this file: it can go while this window is open.');
    }
  }

  /** The bytes of a file that is whole here; `null` where they are not. */
  async read(message: Message): Promise<Blob | null> {
    if (!message.mine) return this.#around.files.read(this.#contact, message.id);
    return this.#unkept.get(message.id) ?? this.#around.history.file(this.#contact, message.id);
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
    if (message.mine) await this.#around.history.removeFile(this.#contact, message.id);
    else if (this.transfers.value.get(message.id) === undefined)
      await this.#around.files.remove(this.#contact, message.id);
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
    const message = asked === null ? null : await this.#around.history.find(this.#contact, asked.id, true);
    if (asked === null || message?.file === null || message === null || message.file.state === 'cancelled')
      return socket.close(CLOSE_WITHDRAWN, 'not on offer');
    const { id } = message;
    const file = message.file.size === asked.from ? new Blob([]) : await this.read(message);
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
    if (refused) this.#around.announce(`${message.file.name} was cancelled at the other end.`);
    if (!whole) return;
    await this.#setState(message, 'stored');
    if (!isPreviewable(message.file)) await this.#around.history.removeFile(this.#contact, id);
  }

  /** Goes on with what is wanted, one file after another. */
  resume(): void {
    if (this.#fetching || this.#closed) return;
    this.#fetching = true;
    void this.#fetchAll().finally(() => {
      this.#fetching = false;
    });
  }

  async #fetchAll(): Promise<void> {
    const tried = new Set<string>();
    for (;;) {
      const wanted = (await this.#around.history.pending(this.#contact)).find(
        ({ mine, id }) => !mine && !tried.has(id),
      );
      if (wanted === undefined || this.#closed) return;
      tried.add(wanted.id);
      const { value: presence } = this.#conversation.link.presence;
      if (presence === 'online' && (await this.#fetch(wanted)) !== 'lost') continue;
      // A peer that is away says hello when it is back, and then this goes on.
      if (presence === 'online' || presence === 'interrupted') setTimeout(() => this.resume(), RETRY_MS);
      return;
    }
  }

  async #fetch(message: Message): Promise<FetchEnd> {
    const { id, file } = message;
    if (file === null) return 'cancelled';
    const transfer = new Transfer(file.size);
    this.#show(id, transfer);
    try {
      const writer = await this.#around.files.writer(this.#contact, id);
      const { endpoint } = this.#around;
      const end = await fetchFile(
        endpoint,
        this.#conversation.contact.value.address,
        { id, size: file.size },
        writer,
        transfer,
      );
      if (end === 'stored' || end === 'withdrawn') await this.#setState(message, end);
      if (end === 'cancelled') await this.#around.files.remove(this.#contact, id);
      return end;
    } catch (error) {
      // It stays on offer, with what is on disk: it can be asked for again.
      await this.#setState(message, 'offered');
      this.#around.announce(`${file.name} stopped: ${error instanceof Error ? error.message : 'unknown'}`);
      return 'cancelled';
    } finally {
      this.#show(id, null, transfer);
    }
  }

  get #contact(): string {
    return this.#conversation.contact.value.id;
  }

  #show(id: string, transfer: Transfer | null, instead?: Transfer): void {
    const transfers = new Map(this.transfers.value);
    if (transfer !== null) transfers.set(id, transfer);
    else if (transfers.get(id) === instead) transfers.delete(id);
    this.transfers.value = transfers;
  }

  async #setState({ contact, id, mine }: Message, state: NonNullable<Message['file']>['state']): Promise<void> {
    const message = await this.#around.history.find(contact, id, mine);
    if (message?.file != null) await this.#conversation.replace({ ...message, file: { ...message.file, state } });
  }
}
