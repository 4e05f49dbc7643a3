import { safePaths } from './file-name.js';
import { FILES_CLOSE, MAX_FILES, type OfferedFile, readSenderMessage, type SenderMessage } from './file-protocol.js';
import { type BatchOptions, IncomingBatch, OutOfTurn } from './incoming-batch.js';
import type { Placed } from './placed.js';
import type { Progress } from './progress.js';
import { BUSY, type Line, STOPPED } from './station/line.js';

/** How long a peer may take to send its offer. */
const OFFER_TIMEOUT_MS = 30_000;

export interface ReceiverOptions extends BatchOptions {
  /** Decides whether to accept a batch, whose names are safe. `signal` aborts when the sender is gone. */
  readonly agree: (peer: string, files: readonly OfferedFile[], signal: AbortSignal) => Promise<boolean>;
  /** Resolves once no other receiver uses the partial files of these files. */
  readonly whenFree: (receiver: FileReceiver, files: readonly OfferedFile[]) => Promise<unknown>;
  /** Whether there is room for an offer of so many bytes, beside those of the other receivers. */
  readonly hasRoom: (peer: string, offerBytes: number) => boolean;
}

/** How a batch ended. */
export interface BatchEnd {
  /** Whether the sender has finished, even if files were refused or skipped. */
  readonly over: boolean;
  /** Whether every file is here. */
  readonly whole: boolean;
}

/** Receives the files of one channel. */
export class FileReceiver {
  readonly peer: string;
  /** The size of the offer in bytes of UTF-8; 0 until it is there. */
  offerBytes = 0;
  /** Resolves when this receiver has finished. */
  readonly end: Promise<BatchEnd>;
  readonly #options: ReceiverOptions;
  readonly #progress: Progress;
  readonly #line: Line;
  readonly #closed = new AbortController();
  #names: ReadonlySet<string> = new Set();
  #batch: IncomingBatch | null = null;
  #isFree: Promise<unknown> = Promise.resolve();
  #answered: Promise<void> = Promise.resolve();
  #declined = false;

  constructor(line: Line, options: ReceiverOptions, progress: Progress) {
    this.peer = line.peer;
    this.#options = options;
    this.#progress = progress;
    this.#line = line;
    this.end = this.#run();
  }

  /** Whether a file of that name is offered, or being received. */
  holds(name: string): boolean {
    return this.#names.has(name) && (this.#batch?.isPending(name) ?? true);
  }

  /** Closes the channel. Partial files stay, to resume from. */
  stop(closeCode: number): void {
    this.#line.close(closeCode);
  }

  async #run(): Promise<BatchEnd> {
    const closed = this.#line.closed.then(({ closeCode, failure }) => {
      if (failure !== null) return failure.detail;
      return closeCode === 1000 || closeCode === STOPPED
        ? 'the sender stopped'
        : `the channel closed with ${closeCode}`;
    });
    void closed.then(() => this.#closed.abort());
    let violation: string | null = null;
    try {
      await this.#receiveAll();
    } catch (error) {
      violation = error instanceof Error ? error.message : String(error);
      this.stop(FILES_CLOSE.notTheProtocol);
    }
    // Drop further data, to receive the peer's answer after it.
    this.#line.drain();
    const reason = await closed;
    await this.#answered;
    await this.#batch?.leave();
    await this.#isFree; // a receiver that waits for this one waits for earlier ones too
    return this.#tellEnd(violation, reason);
  }

  #tellEnd(violation: string | null, reason: string): BatchEnd {
    const { peer } = this;
    const { tell } = this.#progress;
    const over = violation === null && this.#batch?.over === true;
    const whole = over && this.#batch?.whole === true;
    const detail = violation ?? reason;
    if (this.#declined) tell({ event: 'declined', peer }, `files of ${peer} were declined`);
    else if (over)
      tell({ event: 'closed', peer, whole }, `received ${whole ? 'all files' : 'some of the files'} of ${peer}`);
    else tell({ event: 'interrupted', peer, detail }, `${peer} disconnected before all its files arrived (${detail})`);
    return { over, whole };
  }

  async #receiveAll(): Promise<void> {
    const files = await this.#readOffer();
    if (files === null) return;
    this.#names = new Set(files.map(({ name }) => name));
    this.#isFree = this.#options.whenFree(this, files);
    if (!(await this.#options.agree(this.peer, files, this.#closed.signal))) {
      this.#declined = !this.#closed.signal.aborted;
      return this.stop(FILES_CLOSE.declined);
    }
    await this.#isFree;
    const batch = new IncomingBatch(this.peer, files, this.#options, this.#progress, (message) =>
      this.#line.write(JSON.stringify(message)),
    );
    this.#batch = batch;
    batch.showTotal();
    this.#answered = batch.answerAll(this.#closed.signal);
    for (;;) {
      const value = await this.#line.read();
      if (value === null) return;
      if (typeof value === 'string') await batch.take(understood(value));
      else await batch.append(value);
    }
  }

  /**
   * Reads the offer, and gives its files safe names. Resolves with `null` if the sender leaves first. @throws OutOfTurn
   */
  async #readOffer(): Promise<Placed[] | null> {
    const late = setTimeout(() => this.stop(FILES_CLOSE.notTheProtocol), OFFER_TIMEOUT_MS);
    try {
      const value = await this.#line.read();
      if (value === null) return null;
      // An offer is several times as large in memory, and is kept until the channel ends.
      const bytes = Buffer.byteLength(value);
      if (!this.#options.hasRoom(this.peer, bytes)) {
        this.#line.close(BUSY, 'too many files are offered at a time');
        return null;
      }
      this.offerBytes = bytes;
      const offer = understood(value);
      if (offer.type !== 'offer') throw new OutOfTurn('it sent no offer first');
      const paths = safePaths(offer.files, MAX_FILES);
      if (paths === null) throw new OutOfTurn(`it offered more than ${MAX_FILES} folders`);
      return offer.files.map((file, index) => {
        const path = paths[index] ?? [];
        return { ...file, path, name: path.join('/') };
      });
    } finally {
      clearTimeout(late);
    }
  }
}

/** Reads a message of the sender. @throws OutOfTurn if it is invalid */
function understood(value: string | Uint8Array): SenderMessage {
  const message = typeof value === 'string' ? readSenderMessage(value) : null;
  if (message === null) throw new OutOfTurn('it sent a message that is not part of the protocol');
  return message;
}
