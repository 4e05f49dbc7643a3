import type { Socket } from 'node:net';
import { encodeHex } from '@sws/crypto';
import type { UndeliverableCode } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES, UNDELIVERABLE_HEAD_BYTES } from '@sws/protocol/internal';
import { type Claim, FIRST_OWN_KIND, RecordBatch, RecordStream } from '@sws/router';
import type { CountRecord, SiblingCounts } from './shared-counts.js';

/** The records between siblings beside MESSAGEs. They are JSON, because they are rare. */
export type SiblingRecord =
  | { readonly type: 'claim'; readonly claim: Claim }
  | { readonly type: 'release'; readonly key: string }
  | { readonly type: 'gone'; readonly key: string; readonly term: number }
  /** All keys that were held when the two met have been sent. */
  | { readonly type: 'met' }
  | { readonly type: 'ask'; readonly id: number; readonly key: string }
  | { readonly type: 'answer'; readonly id: number; readonly term: number }
  | CountRecord;

/** The callbacks for a sibling's data. */
export interface SiblingEvents {
  message(to: string, message: Uint8Array): UndeliverableCode | null;
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
  record(record: SiblingRecord): void;
  closed(): void;
}

const JSON_KIND = FIRST_OWN_KIND;
const textDecoder = new TextDecoder();
/**
 * Other records than MESSAGEs have no limit. A sibling that leaves this much unread is cut off, and connected again.
 */
const MAX_UNREAD_BYTES = 64 * 1_048_576;

/** The local socket between two workers. All data of one turn of the event loop is one write. */
export class Sibling {
  /** The sibling's claims, by key. */
  readonly claims = new Map<string, Claim>();
  /** The sibling's counts of connections, by kind and network. */
  readonly counts: SiblingCounts = new Map();
  readonly batch: RecordBatch;
  readonly #socket: Socket;

  constructor(socket: Socket, events: SiblingEvents) {
    this.#socket = socket;
    this.batch = new RecordBatch((parts) => {
      // A MESSAGE is a view of one read's data. If it cannot be written now, it must not keep all of that in memory.
      const mustWait = socket.writableLength > 0;
      socket.cork();
      for (const part of parts) socket.write(mustWait ? new Uint8Array(part) : part);
      socket.uncork();
      if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
    });
    const stream = new RecordStream({
      message: (to, message) => {
        const code = events.message(to, message);
        if (code === null) return;
        const from = encodeHex(message.subarray(1, MESSAGE_HEAD_BYTES));
        const head = message.subarray(MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + UNDELIVERABLE_HEAD_BYTES);
        this.batch.undeliverable(to, from, head, code);
      },
      undeliverable: (to, from, head, code) => events.undeliverable(to, from, head, code),
      own: (kind, body) => {
        const record = kind === JSON_KIND ? recordOf(body) : null;
        if (record !== null) events.record(record);
        return record !== null;
      },
    });
    socket.on('data', (chunk) => {
      if (!stream.read(chunk)) socket.destroy();
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      this.batch.clear();
      events.closed();
    });
  }

  /** Bytes given to the socket that are not yet with the kernel. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.batch.bytes;
  }

  tell(record: SiblingRecord): void {
    this.batch.own(JSON_KIND, Buffer.from(JSON.stringify(record)));
  }

  /** Sends the waiting data, then ends. */
  end(): void {
    this.batch.flush();
    this.#socket.end();
  }
}

/** Parses a record. Only workers of this relay send records, but one may have another version, after an upgrade. */
function recordOf(body: Uint8Array): SiblingRecord | null {
  try {
    return JSON.parse(textDecoder.decode(body)) as SiblingRecord | null;
  } catch {
    return null;
  }
}
