import { type SecureWebSocket, SecureWebSocketStream, type SecureWebSocketStreamError } from '@sws/client';
import {
  FILES_CLOSE,
  type OfferedFile,
  type ReceiverMessage,
  readReceiverMessage,
  type SenderMessage,
} from './file-protocol.js';
import type { OutgoingFile } from './outgoing-file.js';
import type { Progress } from './progress.js';
import { printable } from './report.js';

/** How an attempt ended: every file has its fate, or the channel closed before. */
export type AttemptEnd =
  | { readonly complete: true }
  | { readonly complete: false; readonly code: string; readonly detail: string };

/** The text that offers files. */
export function offerText(files: readonly OfferedFile[]): string {
  return JSON.stringify({
    type: 'offer',
    files: files.map(({ name, size }) => ({ name, size })),
  } satisfies SenderMessage);
}

/** Sends files over one channel, each until the receiver has it, refuses it, or it can't be read. */
export class FileSender {
  readonly #socket: SecureWebSocket;
  readonly #files: readonly OutgoingFile[];
  readonly #progress: Progress;
  /** The receiver's last answer for each file. */
  readonly #answers: (ReceiverMessage | undefined)[];
  /** What was sent of each that was sent whole. */
  readonly #sent: { readonly sha256: string; readonly bytes: number; readonly offset: number }[] = [];
  #write: (message: string | Uint8Array<ArrayBuffer>) => Promise<boolean> = async () => false;
  #closed = false;
  /** The file that is being sent. */
  #begun = -1;
  #changed: () => void = () => {};
  #hide: () => void = () => {};
  #stopReading: () => void = () => {};

  constructor(socket: SecureWebSocket, files: readonly OutgoingFile[], progress: Progress) {
    this.#socket = socket;
    this.#files = files;
    this.#progress = progress;
    this.#answers = files.map(() => undefined);
  }

  /** @throws SecureWebSocketStreamError where the channel never opens */
  async run(): Promise<AttemptEnd> {
    const stream = SecureWebSocketStream.from(this.#socket);
    const { readable, writable } = await stream.opened;
    const writer = writable.getWriter();
    writer.closed.catch(() => {}); // `stream.closed` tells
    this.#write = (message) =>
      writer.write(message).then(
        () => true,
        () => false,
      );
    void this.#listen(readable.getReader(), stream);
    if (await this.#sendAll()) stream.close({ closeCode: 1000 });
    const end = await stream.closed.then(
      ({ closeCode, reason }) => ({ code: String(closeCode), detail: closedWith(closeCode, reason) }),
      ({ code, message }: SecureWebSocketStreamError) => ({ code, detail: message }),
    );
    this.#hide();
    return this.#files.every(({ fate }) => fate !== 'pending') ? { complete: true } : { complete: false, ...end };
  }

  #say(message: SenderMessage): Promise<boolean> {
    return this.#write(JSON.stringify(message));
  }

  /** Whether it came to the end of the files. */
  async #sendAll(): Promise<boolean> {
    if (!(await this.#write(offerText(this.#files)))) return false;
    for (const [index, file] of this.#files.entries()) {
      const answer = await this.#until(() => this.#answers[index]);
      if (answer?.type === 'have') await this.#send(index, file, answer);
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
    const { name, size } = file;
    this.#begun = index;
    const isRefused = (): boolean => this.#answers[index]?.type === 'refused';
    try {
      const { offset, hash } = await file.begin(have.bytes, have.sha256);
      let bytes = offset;
      this.#progress.tell(
        { event: 'sending', name, size, offset },
        `sending ${name}${offset > 0 ? `, of which the peer has ${offset} bytes` : ''}`,
      );
      this.#hide();
      const position = (): number => Math.max(offset, bytes - this.#socket.bufferedAmount);
      this.#hide = this.#progress.show({ name, size, position });
      if (!(await this.#say({ type: 'begin', file: index, offset }))) return;
      const source = file.read(offset);
      // Standard input may have nothing to say for long: whoever waits for it hears that nobody wants it any more.
      this.#stopReading = () => source.destroy();
      for await (const chunk of source) {
        if (isRefused()) break;
        hash.update(chunk);
        bytes += chunk.length;
        if (!(await this.#write(chunk))) return;
      }
      if (isRefused()) return void (await this.#say({ type: 'skip', file: index }));
      if (size !== null && bytes !== size) throw new Error('it became shorter while it was sent');
      const sha256 = hash.digest('hex');
      this.#sent[index] = { sha256, bytes, offset };
      await this.#say({ type: 'end', file: index, size: bytes, sha256 });
      if (await file.hasChanged())
        this.#progress.tell({ event: 'changed', name }, `sws: ${name} was changed while it was sent`);
    } catch (error) {
      if (this.#closed) return;
      if (isRefused()) return void (await this.#say({ type: 'skip', file: index }));
      const detail = error instanceof Error ? error.message : String(error);
      file.fate = 'unreadable';
      this.#progress.tell({ event: 'unreadable', name, detail }, `sws: ${name} was not sent: ${detail}`);
      await this.#say({ type: 'skip', file: index });
    }
  }

  async #listen(
    reader: ReadableStreamDefaultReader<string | Uint8Array>,
    stream: SecureWebSocketStream,
  ): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const message = typeof value === 'string' ? readReceiverMessage(value) : null;
        if (message === null || !this.#take(message)) {
          stream.close({ closeCode: FILES_CLOSE.notTheProtocol, reason: 'not a message of this protocol' });
          break;
        }
        this.#changed();
      }
    } catch {
      // The channel broke: `stream.closed` tells.
    }
    this.#closed = true;
    this.#stopReading();
    this.#changed();
  }

  /** Whether the message was in turn. */
  #take(message: ReceiverMessage): boolean {
    const file = this.#files[message.file];
    const before = this.#answers[message.file];
    if (file === undefined) return false;
    this.#answers[message.file] = message;
    if (message.type === 'have') return before === undefined;
    if (file.fate !== 'pending') return true; // it could not be read, and the receiver did not know yet
    const { name } = file;
    if (message.type === 'refused') {
      const detail = printable(message.detail);
      file.fate = 'refused';
      if (message.file === this.#begun) this.#stopReading();
      this.#progress.tell({ event: 'refused', name, detail }, `sws: the peer did not take ${name}: ${detail}`);
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
    [FILES_CLOSE.superseded]: 'another send of the same identity has begun',
  };
  return words[closeCode] ?? `the peer closed with ${closeCode} ${printable(reason)}`.trimEnd();
}
