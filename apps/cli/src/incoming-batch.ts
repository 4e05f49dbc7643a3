import { statfs } from 'node:fs/promises';
import prettyBytes from 'pretty-bytes';
import type { OfferedFile, ReceiverMessage, SenderMessage } from './file-protocol.js';
import { IncomingFile } from './incoming-file.js';
import type { Progress } from './progress.js';
import type { StoredFiles } from './stored-files.js';

/** Files that are put on the disk for good at a time: of many small ones, none waits for the one before. */
const MAX_STORING = 16;

export interface BatchOptions {
  readonly folder: string;
  /** A file of the same name is replaced. */
  readonly force: boolean;
  /** What all files of a batch may have together, in bytes. */
  readonly maxBytes: number;
  readonly stored: StoredFiles;
}

/** An offered file, under its name here. */
interface Slot extends OfferedFile {
  fate: 'offered' | 'wanted' | 'storing' | 'stored' | 'refused' | 'skipped';
  incoming: IncomingFile | null;
}

/** The peer broke the subprotocol. */
export class OutOfTurn extends Error {}

/** The files of one offer: which are wanted, whose bytes come now, and what has become of each. */
export class IncomingBatch {
  readonly #peer: string;
  readonly #slots: readonly Slot[];
  readonly #options: BatchOptions;
  readonly #progress: Progress;
  readonly #say: (message: ReceiverMessage) => Promise<void>;
  /** The file whose bytes come now, and its place in the offer. */
  #current: Slot | null = null;
  #begun = -1;
  readonly #storing = new Set<Promise<void>>();
  /** Bytes that this batch may still have, and that the disk has room for. */
  #allowance: number;
  #free = Number.POSITIVE_INFINITY;
  #hide: () => void = () => {};

  /** `files` have safe names. */
  constructor(
    peer: string,
    files: readonly OfferedFile[],
    options: BatchOptions,
    progress: Progress,
    say: (message: ReceiverMessage) => Promise<void>,
  ) {
    this.#peer = peer;
    this.#slots = files.map((file) => ({ ...file, fate: 'offered', incoming: null }));
    this.#options = options;
    this.#progress = progress;
    this.#say = say;
    this.#allowance = options.maxBytes;
  }

  /** Nothing more is to come. */
  get over(): boolean {
    return this.#slots.every(({ fate }) => fate !== 'offered' && fate !== 'wanted');
  }
  /** Every file is here. */
  get whole(): boolean {
    return this.#slots.every(({ fate }) => fate === 'stored');
  }

  /** Says which files are wanted, ahead of the bytes: many small ones need not wait for one round trip each. */
  async answerAll(signal: AbortSignal): Promise<void> {
    const disk = await statfs(this.#options.folder).catch(() => null); // where it can't be told, writing will
    if (disk !== null) this.#free = disk.bavail * disk.bsize;
    for (const [index, slot] of this.#slots.entries()) {
      if (signal.aborted) return;
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

  /** Takes what the sender says of a file. @throws OutOfTurn */
  async take(message: SenderMessage): Promise<void> {
    if (message.type === 'offer') throw new OutOfTurn('it made a second offer');
    const slot = this.#slots[message.file];
    if (slot === undefined) throw new OutOfTurn('it named a file that it had not offered');
    if (message.type === 'begin') return this.#begin(message.file, slot, message.offset);
    if (message.type === 'end') return this.#finish(message.file, slot, message.size, message.sha256);
    if ((this.#current !== null && this.#current !== slot) || slot.fate === 'storing' || slot.fate === 'stored')
      throw new OutOfTurn('it skipped a file out of turn');
    this.#hide();
    this.#current = null;
    await slot.incoming?.leave().catch(() => {});
    if (slot.fate === 'refused') return;
    slot.fate = 'skipped';
    this.#tell('skipped', slot, {}, 'the sender could not read it');
  }

  /** Takes the next bytes of the file that has begun. @throws OutOfTurn */
  async append(chunk: Uint8Array): Promise<void> {
    const slot = this.#current;
    if (slot === null) throw new OutOfTurn('it sent bytes of no file');
    if (slot.fate === 'refused' || slot.incoming === null) return; // on their way before the sender knew
    const { incoming, size } = slot;
    const bytes = incoming.bytes + chunk.length;
    if (size !== null && bytes > size) throw new OutOfTurn('it sent more of a file than it had offered');
    try {
      if (size === null && bytes > this.#allowance) {
        await incoming.discard();
        throw this.#tooMuch();
      }
      await incoming.append(chunk);
    } catch (error) {
      await this.#refuse(this.#begun, slot, error);
    }
  }

  /** Ends here: what has come whole is stored, what has come in part stays to go on from. */
  async leave(): Promise<void> {
    await Promise.all(this.#storing);
    this.#hide();
    await this.#current?.incoming?.leave().catch(() => {});
  }

  /** @throws Error with why a file is not taken */
  async #admit({ name, size }: Slot): Promise<IncomingFile> {
    const { folder, force, stored } = this.#options;
    if (size !== null && size > this.#allowance) throw this.#tooMuch();
    const known = stored.find(this.#peer, { name, size });
    const incoming = await IncomingFile.find({ folder, name, peer: this.#peer, force }, size, known);
    const missing = Math.max(0, (size ?? 0) - incoming.bytes);
    if (missing > this.#free) throw new Error('there is not enough room on the disk');
    this.#free -= missing;
    this.#allowance -= size ?? 0;
    return incoming;
  }

  #tooMuch(): Error {
    return new Error(`more than ${prettyBytes(this.#options.maxBytes)} are not taken`);
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
      this.#hide = this.#progress.show({ name, size, position: () => incoming.bytes });
    } catch (error) {
      await this.#refuse(index, slot, error);
    }
  }

  async #finish(index: number, slot: Slot, size: number, sha256: string): Promise<void> {
    const { incoming, fate } = slot;
    if (this.#current !== slot || incoming === null) throw new OutOfTurn('it ended a file that had not begun');
    this.#hide();
    this.#current = null;
    if (fate !== 'wanted') return;
    slot.fate = 'storing';
    if (slot.size === null) this.#allowance -= size;
    const storing = this.#store(index, slot, incoming, size, sha256);
    this.#storing.add(storing);
    void storing.then(() => this.#storing.delete(storing));
    if (this.#storing.size >= MAX_STORING) await Promise.race(this.#storing);
  }

  async #store(index: number, slot: Slot, incoming: IncomingFile, size: number, sha256: string): Promise<void> {
    try {
      const path = await incoming.finish(size, sha256);
      slot.fate = 'stored';
      this.#options.stored.add(this.#peer, slot, path);
      const words = `received as ${path}, ${size} bytes, SHA-256 ${sha256}`;
      this.#tell('stored', slot, { path, bytes: size, sha256 }, words);
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
    const { code } = error as { code?: unknown };
    const words = typeof code === 'string' ? `it can’t be written (${code})` : detail;
    await this.#say({ type: 'refused', file: index, detail: words });
    await slot.incoming?.leave().catch(() => {});
  }

  #tell(event: string, { name }: Slot, members: Readonly<Record<string, unknown>>, words: string): void {
    this.#progress.tell({ event, peer: this.#peer, name, ...members }, `${name}: ${words}`);
  }
}
