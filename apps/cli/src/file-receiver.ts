import { type SecureWebSocket, SecureWebSocketStream, type SecureWebSocketStreamError } from '@sws/client';
import { safeNames } from './file-name.js';
import { FILES_CLOSE, type OfferedFile, readSenderMessage, type SenderMessage } from './file-protocol.js';
import { type BatchOptions, IncomingBatch, OutOfTurn } from './incoming-batch.js';
import type { Progress } from './progress.js';

/** What a peer that says nothing has until its offer is there. */
const OFFER_TIMEOUT_MS = 30_000;

type Reader = ReadableStreamDefaultReader<string | Uint8Array>;

export interface ReceiverOptions extends BatchOptions {
  /** Whether a batch is taken; names are safe ones. `signal` aborts when the sender is gone. */
  readonly agree: (peer: string, files: readonly OfferedFile[], signal: AbortSignal) => Promise<boolean>;
}

/** How a batch ended. */
export interface BatchEnd {
  /** The sender came to its end, whatever became of each file. */
  readonly over: boolean;
  /** Every file is here. */
  readonly whole: boolean;
}

/** Receives the files of one channel. */
export class FileReceiver {
  readonly peer: string;
  /** Resolves when nothing more is done. */
  readonly end: Promise<BatchEnd>;
  readonly #options: ReceiverOptions;
  readonly #progress: Progress;
  readonly #stream: SecureWebSocketStream;
  readonly #isFree: Promise<unknown>;
  readonly #closed = new AbortController();
  #batch: IncomingBatch | null = null;
  #answered: Promise<void> = Promise.resolve();
  #declined = false;

  /**
   * Call it in the event that gave the socket: a message may follow in the same turn. Files are touched once `free` has
   * resolved: whoever had them before has let go.
   */
  constructor(socket: SecureWebSocket, options: ReceiverOptions, progress: Progress, free: Promise<unknown>) {
    this.peer = socket.peer;
    this.#options = options;
    this.#progress = progress;
    this.#isFree = free;
    this.#stream = SecureWebSocketStream.from(socket);
    this.end = this.#run();
  }

  /** Ends here. What came stays, to go on from. */
  stop(closeCode: number): void {
    this.#stream.close({ closeCode });
  }

  async #run(): Promise<BatchEnd> {
    const closed = this.#stream.closed.then(
      ({ closeCode }) => (closeCode === 1000 ? 'the sender stopped' : `the channel closed with ${closeCode}`),
      ({ message }: SecureWebSocketStreamError) => message,
    );
    void closed.then(() => this.#closed.abort());
    let violation: string | null = null;
    let reader: Reader | null = null;
    try {
      const { readable, writable } = await this.#stream.opened;
      reader = readable.getReader();
      await this.#receiveAll(reader, writable.getWriter());
    } catch (error) {
      // Else the channel broke, and `closed` tells.
      if (error instanceof OutOfTurn) {
        violation = error.message;
        this.stop(FILES_CLOSE.notTheProtocol);
      }
    }
    // What still comes is dropped, so that the peer's answer behind it arrives.
    reader?.cancel().catch(() => {});
    const reason = await closed;
    await this.#answered;
    await this.#batch?.leave();
    await this.#isFree; // who waits for this one waits for those before it, too
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
      tell({ event: 'closed', peer, whole }, `${whole ? 'all files' : 'some of the files'} of ${peer} are here`);
    else tell({ event: 'interrupted', peer, detail }, `${peer} is gone before its files were whole (${detail})`);
    return { over, whole };
  }

  async #receiveAll(reader: Reader, writer: WritableStreamDefaultWriter<string>): Promise<void> {
    writer.closed.catch(() => {}); // `closed` tells
    const files = await this.#readOffer(reader);
    if (files === null) return;
    if (!(await this.#options.agree(this.peer, files, this.#closed.signal))) {
      this.#declined = !this.#closed.signal.aborted;
      return this.stop(FILES_CLOSE.declined);
    }
    await this.#isFree;
    const batch = new IncomingBatch(this.peer, files, this.#options, this.#progress, (message) =>
      writer.write(JSON.stringify(message)).catch(() => {}),
    );
    this.#batch = batch;
    this.#answered = batch.answerAll(this.#closed.signal);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (typeof value === 'string') await batch.take(understood(value));
      else await batch.append(value);
    }
  }

  /** The files that the sender offers, under names that are safe here; `null` if it goes before. @throws OutOfTurn */
  async #readOffer(reader: Reader): Promise<OfferedFile[] | null> {
    const late = setTimeout(() => this.stop(FILES_CLOSE.notTheProtocol), OFFER_TIMEOUT_MS);
    try {
      const { value, done } = await reader.read();
      if (done) return null;
      const offer = understood(value);
      if (offer.type !== 'offer') throw new OutOfTurn('no offer came');
      const names = safeNames(offer.files.map(({ name }) => name));
      return offer.files.map(({ size }, index) => ({ name: names[index] ?? '', size }));
    } finally {
      clearTimeout(late);
    }
  }
}

/** @throws OutOfTurn */
function understood(value: string | Uint8Array): SenderMessage {
  const message = typeof value === 'string' ? readSenderMessage(value) : null;
  if (message === null) throw new OutOfTurn('it sent a message that this protocol does not have');
  return message;
}
