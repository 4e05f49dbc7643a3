import {
  detailForPeer,
  FILES_CLOSE,
  labelOf,
  type OfferedFile,
  type ReceiverMessage,
  readReceiverMessage,
  type SenderMessage,
} from './file-protocol.js';
import { EMPTY_DIGEST } from './incoming-batch.js';
import type { OutgoingFile } from './outgoing-file.js';
import { type Progress, totalOf } from './progress.js';
import { printable } from './report.js';
import type { Line } from './station/line.js';

/** How an attempt ended: every file has a result, or the channel closed before. */
export type AttemptEnd =
  | { readonly complete: true }
  | { readonly complete: false; readonly code: string; readonly detail: string };

/** The reason to skip a file that the receiver refused. */
const REFUSED = 'the receiver refused it';

/** Returns the text that offers files. */
export function offerText(files: readonly OfferedFile[]): string {
  return JSON.stringify({
    type: 'offer',
    files: files.map(({ name, size, folders = [], kind, target, mode, modifiedMs }) => {
      // JSON omits undefined fields.
      return { name, size, folders: folders.length > 0 ? folders : undefined, kind, target, mode, modifiedMs };
    }),
  });
}

/** Sends files over one channel, each until the receiver has it or refuses it, or it cannot be read. */
export class FileSender {
  readonly #line: Line;
  readonly #files: readonly OutgoingFile[];
  readonly #progress: Progress;
  /** The receiver's last answer for each file. */
  readonly #answers: (ReceiverMessage | undefined)[];
  /** The digest and range of each completely sent file. */
  readonly #sent: { readonly sha256: string; readonly bytes: number; readonly offset: number }[] = [];
  #closed = false;
  /** The index of the file that is being sent. */
  #begun = -1;
  #changed: () => void = () => {};
  #hide: () => void = () => {};
  #stopReading: () => void = () => {};
  /** Bytes of the files before the present one, and of the present one. */
  #bytesBefore = 0;
  #position: () => number = () => 0;

  constructor(line: Line, files: readonly OutgoingFile[], progress: Progress) {
    this.#line = line;
    this.#files = files;
    this.#progress = progress;
    this.#answers = files.map(() => undefined);
  }

  async run(): Promise<AttemptEnd> {
    void this.#listen();
    const total = totalOf(this.#files, () => this.#bytesBefore + this.#position());
    const hideTotal = total === null ? () => {} : this.#progress.show(total);
    if (await this.#sendAll()) this.#line.close(1000);
    const { closeCode, reason, failure } = await this.#line.closed;
    const end = failure ?? { code: String(closeCode), detail: closedWith(closeCode, reason) };
    this.#hide();
    hideTotal();
    return this.#files.every(({ fate }) => fate !== 'pending') ? { complete: true } : { complete: false, ...end };
  }

  #say(message: SenderMessage): Promise<boolean> {
    return this.#line.write(JSON.stringify(message));
  }

  /** Sends all files. Resolves with whether it came to their end. */
  async #sendAll(): Promise<boolean> {
    if (!(await this.#line.write(offerText(this.#files)))) return false;
    for (const [index, file] of this.#files.entries()) {
      const answer = await this.#until(() => this.#answers[index]);
      if (answer?.type === 'have' && file.kind === undefined) await this.#send(index, file, answer);
      if (this.#closed) return false;
    }
    await this.#until(() => this.#files.every(({ fate }) => fate !== 'pending') || undefined);
    return !this.#closed;
  }

  async #send(
    index: number,
    file: OutgoingFile,
    have: { readonly bytes: number; readonly sha256: string },
  ): Promise<void> {
    const { size } = file;
    const name = labelOf(file);
    this.#begun = index;
    const isRefused = (): boolean => this.#answers[index]?.type === 'refused';
    const skip = (detail: string): Promise<boolean> => this.#say({ type: 'skip', file: index, detail });
    try {
      const { offset, hash } = await file.begin(have.bytes, have.sha256);
      let bytes = offset;
      this.#progress.tell(
        { event: 'sending', name, size, offset },
        `sending ${name}${offset > 0 ? `; the peer already has ${offset} bytes` : ''}`,
      );
      this.#hide();
      const position = (): number => Math.max(offset, bytes - this.#line.pendingBytes);
      this.#hide = this.#progress.show({ name, size, position });
      this.#position = position;
      if (!(await this.#say({ type: 'begin', file: index, offset }))) return;
      const source = file.read(offset);
      // Standard input may be silent for long. Stop the reading when the receiver no longer wants it.
      this.#stopReading = () => source.destroy();
      for await (const chunk of source) {
        if (isRefused()) break;
        hash.update(chunk);
        bytes += chunk.length;
        if (!(await this.#line.write(chunk))) return;
      }
      if (isRefused()) return void (await skip(REFUSED));
      await file.checkUnchanged();
      const sha256 = hash.digest('hex');
      this.#sent[index] = { sha256, bytes, offset };
      await this.#say({ type: 'end', file: index, size: bytes, sha256 });
    } catch (error) {
      if (this.#closed) return;
      if (isRefused()) return void (await skip(REFUSED));
      const detail = error instanceof Error ? error.message : String(error);
      file.fate = 'unreadable';
      this.#progress.tell({ event: 'unreadable', name, detail }, `sws: ${name} was not sent: ${detail}`);
      await skip(detailForPeer(error, 'read'));
    } finally {
      this.#position = () => 0;
      this.#bytesBefore += size ?? 0;
      await file.close();
    }
  }

  async #listen(): Promise<void> {
    for (let value = await this.#line.read(); value !== null; value = await this.#line.read()) {
      const message = typeof value === 'string' ? readReceiverMessage(value) : null;
      if (message === null || !this.#take(message)) {
        this.#line.close(FILES_CLOSE.notTheProtocol, 'not a message of this protocol');
        this.#line.drain();
        break;
      }
      this.#changed();
    }
    this.#closed = true;
    this.#stopReading();
    this.#changed();
  }

  /** Takes a message. Returns whether it was valid at this point. */
  #take(message: ReceiverMessage): boolean {
    const file = this.#files[message.file];
    const before = this.#answers[message.file];
    if (file === undefined) return false;
    this.#answers[message.file] = message;
    if (message.type === 'have') return before === undefined && file.kind === undefined;
    if (file.fate !== 'pending') return true; // it could not be read, and the receiver did not know yet
    const name = labelOf(file);
    if (message.type === 'refused') {
      const detail = printable(message.detail);
      file.fate = 'refused';
      if (message.file === this.#begun) this.#stopReading();
      this.#progress.tell({ event: 'refused', name, detail }, `sws: the peer refused ${name}: ${detail}`);
      return true;
    }
    if (file.kind !== undefined) {
      if (message.sha256 !== EMPTY_DIGEST) return false;
      file.fate = 'stored';
      return true;
    }
    const sent = this.#sent[message.file];
    if (sent?.sha256 !== message.sha256) return false;
    file.fate = 'stored';
    const { sha256, bytes, offset } = sent;
    this.#progress.tell(
      { event: 'stored', name, bytes, sent: bytes - offset, sha256 },
      `${name}: delivered, ${bytes} bytes, SHA-256 ${sha256}`,
    );
    return true;
  }

  /** Waits for a value, or for the end of the channel. */
  async #until<T>(value: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = value();
      if (found !== undefined || this.#closed) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

function closedWith(closeCode: number, reason: string): string {
  const words: Readonly<Record<number, string>> = {
    [FILES_CLOSE.stopped]: 'the receiver was stopped',
    [FILES_CLOSE.declined]: 'the receiver declined',
    [FILES_CLOSE.superseded]: 'another send with the same identity started',
  };
  return words[closeCode] ?? `the peer closed with ${closeCode} ${printable(reason)}`.trimEnd();
}
