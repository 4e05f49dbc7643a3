import { createHash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import prettyBytes from 'pretty-bytes';
import { detailForPeer, type ReceiverMessage, type SenderMessage } from './file-protocol.js';
import { IncomingFile } from './incoming-file.js';
import { makeFolders, makeLink, type Placed, preserve } from './placed.js';
import { type Progress, totalOf } from './progress.js';
import { printable } from './report.js';
import type { StoredFiles } from './stored-files.js';
import { TreeJournal } from './tree-journal.js';

/** How many files are stored at a time, so that small files need not wait for each other. */
const MAX_STORING = 16;
/** SHA-256 of no bytes. */
export const EMPTY_DIGEST = createHash('sha256').digest('hex');

export interface BatchOptions {
  readonly folder: string;
  /** Whether to replace a file of the same name. */
  readonly force: boolean;
  /** Whether to keep the offered permissions and times. */
  readonly preserve: boolean;
  /** The most bytes of all files of a batch together. */
  readonly maxBytes: number;
  readonly stored: StoredFiles;
}

/** An offered file or folder, with its path here as its name. */
interface Slot extends Placed {
  fate: 'offered' | 'wanted' | 'storing' | 'stored' | 'refused' | 'skipped';
  incoming: IncomingFile | null;
}

/** The peer has violated the subprotocol. */
export class OutOfTurn extends Error {}

/** How many bytes of a file are done: all of them, once no more follow. */
function bytesOf({ fate, size, incoming }: Slot): number {
  return fate === 'offered' || fate === 'wanted' ? (incoming?.bytes ?? 0) : (size ?? 0);
}

/** The files of one offer: which are wanted, which one is being received, and the result of each. */
export class IncomingBatch {
  readonly #peer: string;
  readonly #slots: readonly Slot[];
  /** The slots by name. No two have the same name. */
  readonly #fates: ReadonlyMap<string, Slot>;
  readonly #options: BatchOptions;
  readonly #progress: Progress;
  readonly #say: (message: ReceiverMessage) => Promise<unknown>;
  /** The file that is being received. */
  #current: Slot | null = null;
  #begun = -1;
  readonly #storing = new Set<Promise<void>>();
  /** How many more bytes this batch may have, within its limit and the room on the disk. */
  #allowance: number;
  #free = Number.POSITIVE_INFINITY;
  #hide: () => void = () => {};
  #hideTotal: () => void = () => {};
  /** Folders that are known to exist. */
  readonly #known = new Set<string>();
  /** The journal of each tree, by its outermost folder. */
  readonly #journals = new Map<string, TreeJournal>();

  /** `files` have safe names. */
  constructor(
    peer: string,
    files: readonly Placed[],
    options: BatchOptions,
    progress: Progress,
    say: (message: ReceiverMessage) => Promise<unknown>,
  ) {
    this.#peer = peer;
    this.#slots = files.map((file) => ({ ...file, fate: 'offered', incoming: null }));
    this.#fates = new Map(this.#slots.map((slot) => [slot.name, slot]));
    this.#options = options;
    this.#progress = progress;
    this.#say = say;
    this.#allowance = options.maxBytes;
  }

  /** Whether the sender has no more to send. */
  get over(): boolean {
    return this.#slots.every(({ fate }) => fate !== 'offered' && fate !== 'wanted');
  }
  /** Whether a file of that name is still to be received. */
  isPending(name: string): boolean {
    const fate = this.#fates.get(name)?.fate;
    return fate === 'offered' || fate === 'wanted' || fate === 'storing';
  }
  /** Whether every file is here. */
  get whole(): boolean {
    return this.#slots.every(({ fate }) => fate === 'stored');
  }

  /** Shows all files together until the batch ends. */
  showTotal(): void {
    const total = totalOf(this.#slots, () => this.#slots.reduce((sum, slot) => sum + bytesOf(slot), 0));
    if (total !== null) this.#hideTotal = this.#progress.show(total);
  }

  /** Answers which files are wanted before their bytes, so that small files do not need a round trip each. */
  async answerAll(signal: AbortSignal): Promise<void> {
    const disk = await statfs(this.#options.folder).catch(() => null); // if unknown, a write will fail
    if (disk !== null) this.#free = disk.bavail * disk.bsize;
    for (const [index, slot] of this.#slots.entries()) {
      if (signal.aborted) return;
      try {
        if (slot.kind !== undefined) {
          await this.#make(index, slot);
          continue;
        }
        const incoming = await this.#admit(slot);
        slot.fate = 'wanted';
        slot.incoming = incoming;
        await this.#say({ type: 'have', file: index, bytes: incoming.bytes, sha256: incoming.digest });
      } catch (error) {
        await this.#refuse(index, slot, error);
      }
    }
  }

  /** Takes the sender's message about a file. @throws OutOfTurn */
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
    const detail = printable(message.detail);
    this.#tell('skipped', slot, { detail }, `not sent: ${detail}`);
  }

  /** Takes the next bytes of the present file. @throws OutOfTurn */
  async append(chunk: Uint8Array): Promise<void> {
    const slot = this.#current;
    if (slot === null) throw new OutOfTurn('it sent bytes outside a file');
    if (slot.fate === 'refused' || slot.incoming === null) return; // sent before the sender got the refusal
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

  /** Ends the batch. Stores complete files, and keeps partial ones to resume from. */
  async leave(): Promise<void> {
    this.#hideTotal();
    await Promise.all(this.#storing);
    if (this.over) await this.#finishTrees();
    this.#hide();
    await this.#current?.incoming?.leave().catch(() => {});
  }

  /** Sets permissions and times of created folders, after everything that changes them. */
  async #finishTrees(): Promise<void> {
    const { folder, preserve: preserves } = this.#options;
    // Begin with the innermost, because a read-only folder cannot be changed any more.
    for (const slot of [...this.#slots].reverse()) {
      const place = join(folder, ...slot.path);
      const isOurs = this.#journals.get(slot.path[0] ?? '')?.folders.has(place) === true;
      if (preserves && isOurs && slot.kind === 'folder') await preserve(place, slot).catch(() => {});
    }
    for (const journal of this.#journals.values()) await journal.remove();
  }

  /** Creates a folder or link, which has no bytes. @throws Error with the reason if it cannot */
  async #make(index: number, slot: Slot): Promise<void> {
    const { force } = this.#options;
    const isFolder = slot.kind === 'folder';
    const parent = await this.#folderOf(isFolder ? slot.path : slot.path.slice(0, -1));
    const path = isFolder ? parent : await makeLink(parent, slot, force);
    slot.fate = 'stored';
    this.#tell('stored', slot, { path, kind: slot.kind }, `made as ${path}`);
    await this.#say({ type: 'stored', file: index, sha256: EMPTY_DIGEST });
  }

  /** Creates the folders of a path, and opens the journal of their tree. @throws Error */
  async #folderOf(path: readonly string[]): Promise<string> {
    const { folder, stored } = this.#options;
    const [root] = path;
    if (root === undefined) return folder;
    let journal = this.#journals.get(root);
    if (journal === undefined) {
      journal = await TreeJournal.open(folder, root, this.#peer);
      this.#journals.set(root, journal);
      for (const file of journal.files) stored.add(this.#peer, file, file.path);
    }
    const { folders } = journal;
    return makeFolders(folder, path, this.#known, (made) => {
      if (!folders.has(made)) journal.addFolder(made);
    });
  }

  /** @throws Error with the reason if a file is refused */
  async #admit({ name, size, path, ...keeps }: Slot): Promise<IncomingFile> {
    const { force, stored } = this.#options;
    if (size !== null && size > this.#allowance) throw this.#tooMuch();
    const folder = await this.#folderOf(path.slice(0, -1));
    const known = stored.find(this.#peer, { name, size });
    const to = { folder, name: path.at(-1) ?? '', peer: this.#peer, force, keeps: this.#options.preserve ? keeps : {} };
    const incoming = await IncomingFile.find(to, size, known);
    const missing = Math.max(0, (size ?? 0) - incoming.bytes);
    if (missing > this.#free) throw new Error('not enough space on the disk');
    this.#free -= missing;
    this.#allowance -= size ?? 0;
    return incoming;
  }

  #tooMuch(): Error {
    return new Error(`it exceeds the limit of ${prettyBytes(this.#options.maxBytes)}`);
  }

  async #begin(index: number, slot: Slot, offset: number): Promise<void> {
    const { incoming, name, size } = slot;
    const inTurn = this.#current === null && index > this.#begun && slot.fate === 'wanted' && incoming !== null;
    if (!inTurn || (offset !== 0 && offset !== incoming.bytes)) throw new OutOfTurn('it began a file out of turn');
    this.#begun = index;
    this.#current = slot;
    try {
      await incoming.begin(offset);
      const words = offset > 0 ? `receiving; ${offset} bytes are already here` : 'receiving';
      this.#tell('receiving', slot, { size, offset }, words);
      this.#hide = this.#progress.show({ name, size, position: () => incoming.bytes });
    } catch (error) {
      await this.#refuse(index, slot, error);
    }
  }

  async #finish(index: number, slot: Slot, size: number, sha256: string): Promise<void> {
    const { incoming, fate } = slot;
    if (this.#current !== slot || incoming === null) throw new OutOfTurn('it ended a file that had not begun');
    if (slot.size !== null && size !== slot.size)
      throw new OutOfTurn('it ended a file at a different size than it had offered');
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
      this.#journals.get(slot.path[0] ?? '')?.addFile(slot.name, slot.size ?? size, path);
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
    await this.#say({ type: 'refused', file: index, detail: detailForPeer(error, 'written') });
    await slot.incoming?.leave().catch(() => {});
  }

  #tell(event: string, { name }: Slot, members: Readonly<Record<string, unknown>>, words: string): void {
    this.#progress.tell({ event, peer: this.#peer, name, ...members }, `${name}: ${words}`);
  }
}
