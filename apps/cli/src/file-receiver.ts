import { statfs } from 'node:fs/promises';
import { type SecureWebSocket, SecureWebSocketStream, type SecureWebSocketStreamError } from '@sws/client';
import prettyBytes from 'pretty-bytes';
import { safeNames } from './file-name.js';
import {
  FILES_CLOSE,
  type OfferedFile,
  type ReceiverMessage,
  readSenderMessage,
  type SenderMessage,
} from './file-protocol.js';
import { IncomingFile } from './incoming-file.js';
import type { Progress } from './progress.js';
import type { StoredFiles } from './stored-files.js';

/** What a peer that says nothing has until its offer is there. */
const OFFER_TIMEOUT_MS = 30_000;

export interface ReceiverOptions {
  readonly folder: string;
  /** A file of the same name is replaced. */
  readonly force: boolean;
  /** What all files of a batch may have together, in bytes. */
  readonly maxBytes: number;
  /** Whether a batch is taken; names are safe ones. `signal` aborts when the sender is gone. */
  readonly agree: (peer: string, files: readonly OfferedFile[], signal: AbortSignal) => Promise<boolean>;
  readonly stored: StoredFiles;
}

/** How a batch ended. */
export interface BatchEnd {
  /** The sender came to its end, whatever became of each file. */
  readonly over: boolean;
  /** Every file is here. */
  readonly whole: boolean;
}

/** An offered file, under its name here. */
interface Slot extends OfferedFile {
  fate: 'offered' | 'wanted' | 'stored' | 'refused' | 'skipped';
  incoming: IncomingFile | null;
}

/** The peer broke the subprotocol. */
class OutOfTurn extends Error {}

/** Receives the files of one channel. */
export class FileReceiver {
  readonly peer: string;
  /** Resolves when nothing more is done. */
  readonly end: Promise<BatchEnd>;
  readonly #options: ReceiverOptions;
  readonly #progress: Progress;
  readonly #stream: SecureWebSocketStream;
  #slots: readonly Slot[] = [];
  readonly #isFree: Promise<unknown>;
  #answered: Promise<void> = Promise.resolve();
  #declined = false;
  #closed = false;
  #say: (message: ReceiverMessage) => Promise<void> = async () => {};
  /** The file whose bytes come now. */
  #current: Slot | null = null;
  #begun = -1;
  /** Bytes that this batch may still have, and that the disk has room for. */
  #allowance: number;
  #free = Number.POSITIVE_INFINITY;
  #hide: () => void = () => {};

  /**
   * Call it in the event that gave the socket: a message may follow in the same turn. Files are touched once `free` has
   * resolved: whoever had them before has let go.
   */
  constructor(socket: SecureWebSocket, options: ReceiverOptions, progress: Progress, free: Promise<unknown>) {
    this.#isFree = free;
    this.peer = socket.peer;
    this.#options = options;
    this.#progress = progress;
    this.#allowance = options.maxBytes;
    this.#stream = SecureWebSocketStream.from(socket);
    this.end = this.#run();
  }

  /** Ends here. What came stays, to go on from. */
  stop(closeCode: number): void {
    this.#stream.close({ closeCode });
  }

  async #run(): Promise<BatchEnd> {
    const { peer } = this;
    const { tell } = this.#progress;
    const closed = this.#stream.closed.then(
      ({ closeCode }) => (closeCode === 1000 ? 'the sender stopped' : `the channel closed with ${closeCode}`),
      ({ message }: SecureWebSocketStreamError) => message,
    );
    void closed.then(() => {
      this.#closed = true;
    });
    let detail: string | null = null;
    let reader: ReadableStreamDefaultReader<string | Uint8Array> | null = null;
    try {
      const { readable, writable } = await this.#stream.opened;
      const writer = writable.getWriter();
      writer.closed.catch(() => {}); // `closed` tells
      this.#say = (message) => writer.write(JSON.stringify(message)).catch(() => {});
      reader = readable.getReader();
      await this.#receiveAll(reader);
    } catch (error) {
      if (error instanceof OutOfTurn) {
        detail = error.message;
        this.stop(FILES_CLOSE.notTheProtocol);
      }
    }
    // What still comes is dropped, so that the peer's answer behind it arrives.
    reader?.cancel().catch(() => {});
    detail ??= await closed;
    await closed;
    await this.#answered;
    this.#hide();
    await this.#current?.incoming?.leave().catch(() => {});
    const over = this.#slots.length > 0 && this.#slots.every(({ fate }) => fate !== 'offered' && fate !== 'wanted');
    const whole = over && this.#slots.every(({ fate }) => fate === 'stored');
    if (this.#declined) tell({ event: 'declined', peer }, `files of ${peer} were declined`);
    else if (over)
      tell({ event: 'closed', peer, whole }, `${whole ? 'all files' : 'some of the files'} of ${peer} are here`);
    else tell({ event: 'interrupted', peer, detail }, `${peer} is gone before its files were whole (${detail})`);
    return { over, whole };
  }

  async #receiveAll(reader: ReadableStreamDefaultReader<string | Uint8Array>): Promise<void> {
    if (!(await this.#takeOffer(reader))) return;
    await this.#isFree;
    // Answers go ahead of the bytes: many small files need not wait for one round trip each.
    this.#answered = this.#answerAll();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (typeof value === 'string') await this.#take(this.#read(value));
      else await this.#append(value);
    }
  }

  async #takeOffer(reader: ReadableStreamDefaultReader<string | Uint8Array>): Promise<boolean> {
    const late = setTimeout(() => this.stop(FILES_CLOSE.notTheProtocol), OFFER_TIMEOUT_MS);
    const { value, done } = await reader.read();
    clearTimeout(late);
    if (done) return false;
    const offer = this.#read(value);
    if (offer.type !== 'offer') throw new OutOfTurn('no offer came');
    const names = safeNames(offer.files.map(({ name }) => name));
    const files = offer.files.map(({ size }, index) => ({ name: names[index] ?? '', size }));
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    this.#stream.closed.then(abort, abort);
    if (!(await this.#options.agree(this.peer, files, gone.signal))) {
      this.#declined = !this.#closed;
      this.stop(FILES_CLOSE.declined);
      return false;
    }
    this.#slots = files.map((file) => ({ ...file, fate: 'offered', incoming: null }));
    return true;
  }

  #read(value: string | Uint8Array): SenderMessage {
    const message = typeof value === 'string' ? readSenderMessage(value) : null;
    if (message === null) throw new OutOfTurn('it sent a message that this protocol does not have');
    return message;
  }

  async #answerAll(): Promise<void> {
    const disk = await statfs(this.#options.folder).catch(() => null); // where it can't be told, writing will
    if (disk !== null) this.#free = disk.bavail * disk.bsize;
    for (const [index, slot] of this.#slots.entries()) {
      if (this.#closed) return;
      try {
        const incoming = await this.#admit(slot);
        slot.fate = 'wanted';
        slot.incoming = incoming;
        await this.#say({ type: 'have', file: index, bytes: incoming.bytes, sha256: incoming.digest });
      } catch (error) {
        await this.#refuse(index, slot, error);
      }
    }
  }

  /** @throws Error with why a file is not taken */
  async #admit({ name, size }: Slot): Promise<IncomingFile> {
    const { folder, force, maxBytes, stored } = this.#options;
    const { peer } = this;
    if (size !== null && size > this.#allowance) throw new Error(`more than ${prettyBytes(maxBytes)} are not taken`);
    const incoming = await IncomingFile.find({ folder, name, peer, force }, size, stored.find(peer, { name, size }));
    const missing = Math.max(0, (size ?? 0) - incoming.bytes);
    if (missing > this.#free) throw new Error('there is not enough room on the disk');
    this.#free -= missing;
    this.#allowance -= size ?? 0;
    return incoming;
  }

  async #take(message: SenderMessage): Promise<void> {
    if (message.type === 'offer') throw new OutOfTurn('it made a second offer');
    const slot = this.#slots[message.file];
    if (slot === undefined) throw new OutOfTurn('it named a file that it had not offered');
    if (message.type === 'begin') return this.#begin(message.file, slot, message.offset);
    if (this.#current !== null && this.#current !== slot) throw new OutOfTurn('it ended a file that had not begun');
    if (message.type === 'end') return this.#finish(message.file, slot, message);
    await slot.incoming?.leave().catch(() => {});
    this.#current = null;
    if (slot.fate !== 'wanted') return;
    slot.fate = 'skipped';
    this.#tell('skipped', slot, {}, 'the sender could not read it');
  }

  async #begin(index: number, slot: Slot, offset: number): Promise<void> {
    const { incoming, name, size } = slot;
    const inTurn = this.#current === null && index > this.#begun && slot.fate === 'wanted' && incoming !== null;
    if (!inTurn || (offset !== 0 && offset !== incoming.bytes)) throw new OutOfTurn('it began a file out of turn');
    this.#begun = index;
    this.#current = slot;
    try {
      await incoming.begin(offset);
      const words = offset > 0 ? `receiving, from ${offset} bytes that are here` : 'receiving';
      this.#tell('receiving', slot, { size, offset }, words);
      this.#hide();
      this.#hide = this.#progress.show({ name, size, position: () => incoming.bytes });
    } catch (error) {
      await this.#refuse(index, slot, error);
    }
  }

  async #append(chunk: Uint8Array): Promise<void> {
    const slot = this.#current;
    if (slot === null) throw new OutOfTurn('it sent bytes of no file');
    if (slot.fate === 'refused' || slot.incoming === null) return; // on their way before the sender knew
    try {
      const bytes = slot.incoming.bytes + chunk.length;
      if (slot.size !== null && bytes > slot.size) throw new OutOfTurn('it sent more of a file than it had offered');
      if (slot.size === null && bytes > this.#allowance) {
        await slot.incoming.discard();
        throw new Error(`more than ${prettyBytes(this.#options.maxBytes)} are not taken`);
      }
      await slot.incoming.append(chunk);
    } catch (error) {
      if (error instanceof OutOfTurn) throw error;
      await this.#refuse(this.#begun, slot, error);
    }
  }

  async #finish(
    index: number,
    slot: Slot,
    { size, sha256 }: { readonly size: number; readonly sha256: string },
  ): Promise<void> {
    const { incoming, name } = slot;
    this.#current = null;
    this.#hide();
    if (slot.fate === 'refused') return;
    if (slot.fate !== 'wanted' || incoming === null || index !== this.#begun)
      throw new OutOfTurn('it ended a file that had not begun');
    try {
      const path = await incoming.finish(size, sha256);
      slot.fate = 'stored';
      if (slot.size === null) this.#allowance -= size;
      this.#options.stored.add(this.peer, { name, size: slot.size }, path);
      this.#tell(
        'stored',
        slot,
        { path, bytes: size, sha256 },
        `received as ${path}, ${size} bytes, SHA-256 ${sha256}`,
      );
      await this.#say({ type: 'stored', file: index, sha256 });
    } catch (error) {
      await this.#refuse(index, slot, error);
    }
  }

  async #refuse(index: number, slot: Slot, error: unknown): Promise<void> {
    const detail = error instanceof Error ? error.message : String(error);
    slot.fate = 'refused';
    this.#tell('refused', slot, { detail }, `not taken: ${detail}`);
    // Paths of this machine are not the peer's business.
    const code = (error as { code?: unknown }).code;
    await this.#say({
      type: 'refused',
      file: index,
      detail: typeof code === 'string' ? `it can’t be written (${code})` : detail,
    });
    await slot.incoming?.leave().catch(() => {});
  }

  #tell(event: string, { name }: Slot, members: Readonly<Record<string, unknown>>, words: string): void {
    this.#progress.tell({ event, peer: this.peer, name, ...members }, `${name}: ${words}`);
  }
}
