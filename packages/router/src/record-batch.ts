import { UNDELIVERABLE_CODES, type UndeliverableCode } from '@sws/protocol';
import { UNDELIVERABLE_HEAD_BYTES } from '@sws/protocol/internal';

/** A record is kind(1) || length of its body(4, big-endian) || body. */
const RECORD_HEAD_BYTES = 5;
const KEY_BYTES = 32;
/** to(32) || a MESSAGE. */
const MESSAGE = 1;
/** to(32) || from(32) || index of the code(1) || head. */
const UNDELIVERABLE = 2;
const UNDELIVERABLE_BYTES = 2 * KEY_BYTES + 1;
/** MESSAGEs of at least this size are sent without a copy. Smaller ones are cheaper to copy together. */
const COPY_BELOW_BYTES = 8_192;
/** The first of the kinds that a backplane may define itself. */
export const FIRST_OWN_KIND = 16;
/** The longest record. A MESSAGE has at most 1 MiB. */
export const MAX_RECORD_BYTES = 2 * 1_048_576;

/** The bytes of a MESSAGE in a batch beside its own. */
export const MESSAGE_RECORD_BYTES = RECORD_HEAD_BYTES + KEY_BYTES;

/** A record that a backplane defines itself. */
export interface OwnRecord {
  /** `FIRST_OWN_KIND`–255. */
  readonly kind: number;
  /** The record's bytes, in the backplane's own format. */
  readonly body: Uint8Array;
}

interface Entry {
  readonly kind: number;
  readonly bytes: number;
  readonly to: string;
  readonly from: string;
  readonly code: number;
  readonly body: Uint8Array;
}

/** Callbacks of `readRecords`, one for each kind of record. */
export interface RecordReader {
  /** A MESSAGE to a key of this node. `message` is a view of the batch's bytes. */
  message(to: string, message: Uint8Array): void;
  /** A MESSAGE that another node could not deliver. `head`: at most the first 25 bytes of its content. */
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
  /** A record that the backplane defines. Returns false if it does not know the kind. */
  own(kind: number, body: Uint8Array): boolean;
}

/**
 * Collects what one node sends to another in one turn of the event loop, and sends it at the end of the turn. Every
 * backplane between processes uses this format.
 */
export class RecordBatch {
  readonly #send: (parts: readonly Uint8Array[]) => void;
  readonly #first: OwnRecord | null;
  #entries: Entry[] = [];
  #bytes = 0;
  #due: ReturnType<typeof setImmediate> | null = null;

  /**
   * `send` gets the bytes of a batch in parts, and owns them. A large MESSAGE is its own part, without a copy. `first`
   * is the first record of each batch.
   */
  constructor(send: (parts: readonly Uint8Array[]) => void, first: OwnRecord | null = null) {
    this.#send = send;
    this.#first = first;
  }

  /** The size of the encoded records that wait for the end of the turn. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a MESSAGE to a key of the other node, and owns its bytes from here. */
  message(to: string, message: Uint8Array): void {
    this.#add({ kind: MESSAGE, bytes: KEY_BYTES + message.length, to, from: '', code: 0, body: message });
  }

  /** Adds the answer to a MESSAGE that was not delivered. `head` is at most the first 25 bytes of its content. */
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void {
    // Copy the head. It may be a view of a socket's read buffer, which would stay in memory.
    const body = new Uint8Array(head.subarray(0, UNDELIVERABLE_HEAD_BYTES));
    const index = UNDELIVERABLE_CODES.indexOf(code);
    this.#add({ kind: UNDELIVERABLE, bytes: UNDELIVERABLE_BYTES + body.length, to, from, code: index, body });
  }

  /** Adds a record that the backplane defines. */
  own(kind: number, body: Uint8Array): void {
    this.#add(entryOf({ kind, body }));
  }

  /** Sends the waiting records now. */
  flush(): void {
    if (this.#due !== null) clearImmediate(this.#due);
    this.#due = null;
    if (this.#entries.length === 0) return;
    const parts = encode(this.#entries, this.#bytes);
    this.clear();
    this.#send(parts);
  }

  /** Drops the waiting records. */
  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  #add(entry: Entry): void {
    this.#due ??= setImmediate(() => this.flush());
    if (this.#bytes === 0 && this.#first !== null) this.#push(entryOf(this.#first));
    this.#push(entry);
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += RECORD_HEAD_BYTES + entry.bytes;
  }
}

function entryOf({ kind, body }: OwnRecord): Entry {
  return { kind, bytes: body.length, to: '', from: '', code: 0, body };
}

function encode(entries: readonly Entry[], bytes: number): Uint8Array[] {
  let copied = bytes;
  for (const { body } of entries) if (body.length >= COPY_BELOW_BYTES) copied -= body.length;
  const out = Buffer.allocUnsafe(copied);
  const parts: Uint8Array[] = [];
  let from = 0;
  let at = 0;
  for (const { kind, bytes: length, to, from: sender, code, body } of entries) {
    out[at] = kind;
    at = out.writeUInt32BE(length, at + 1);
    if (kind < FIRST_OWN_KIND) at += out.write(to, at, 'hex');
    if (kind === UNDELIVERABLE) {
      at += out.write(sender, at, 'hex');
      at = out.writeUInt8(code, at);
    }
    if (body.length >= COPY_BELOW_BYTES) {
      parts.push(out.subarray(from, at), body);
      from = at;
    } else {
      out.set(body, at);
      at += body.length;
    }
  }
  if (from < at) parts.push(out.subarray(from));
  return parts;
}

/**
 * Reads the complete records at the start of `bytes`. The last record of a stream may be incomplete. Returns how many
 * bytes it has read, or -1 at a malformed record, after it has read those before it.
 */
export function readRecords(bytes: Uint8Array, reader: RecordReader): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (buffer.length - at >= RECORD_HEAD_BYTES) {
    const length = buffer.readUInt32BE(at + 1);
    if (length > MAX_RECORD_BYTES) return -1;
    const from = at + RECORD_HEAD_BYTES;
    const to = from + length;
    if (to > buffer.length) break;
    if (!readRecord(buffer, buffer[at] ?? 0, from, to, reader)) return -1;
    at = to;
  }
  return at;
}

/** Reads records from the chunks of a stream. */
export class RecordStream {
  readonly #reader: RecordReader;
  /** The buffer of an incomplete record: of its head, or of all of it once its length is known. */
  #record: Buffer | null = null;
  #filled = 0;

  constructor(reader: RecordReader) {
    this.#reader = reader;
  }

  /** Reads a chunk. Returns false at a malformed record; nothing more can be read then. */
  read(chunk: Uint8Array): boolean {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#record === null) {
        const read = readRecords(rest, this.#reader);
        if (read < 0) return false;
        rest = rest.subarray(read);
        if (rest.length === 0) return true;
        this.#record = Buffer.allocUnsafe(RECORD_HEAD_BYTES);
        this.#filled = 0;
      }
      const taken = rest.subarray(0, this.#record.length - this.#filled);
      this.#record.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled < this.#record.length) return true;
      const whole = RECORD_HEAD_BYTES + this.#record.readUInt32BE(1);
      if (whole > RECORD_HEAD_BYTES + MAX_RECORD_BYTES) return false;
      const record = this.#record;
      this.#record = null;
      if (record.length === whole) {
        if (readRecords(record, this.#reader) !== whole) return false;
      } else {
        this.#record = Buffer.allocUnsafe(whole);
        this.#record.set(record);
      }
    }
    return true;
  }
}

function readRecord(buffer: Buffer, kind: number, at: number, end: number, reader: RecordReader): boolean {
  switch (kind) {
    case MESSAGE: {
      const from = at + KEY_BYTES;
      if (end - from <= KEY_BYTES) return false;
      reader.message(buffer.toString('hex', at, from), buffer.subarray(from, end));
      return true;
    }
    case UNDELIVERABLE: {
      const head = at + UNDELIVERABLE_BYTES;
      const code = UNDELIVERABLE_CODES[buffer[head - 1] ?? 0];
      if (head > end || end - head > UNDELIVERABLE_HEAD_BYTES || code === undefined) return false;
      const to = buffer.toString('hex', at, at + KEY_BYTES);
      const from = buffer.toString('hex', at + KEY_BYTES, head - 1);
      reader.undeliverable(to, from, buffer.subarray(head, end), code);
      return true;
    }
    default:
      return kind >= FIRST_OWN_KIND && reader.own(kind, buffer.subarray(at, end));
  }
}
