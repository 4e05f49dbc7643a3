import { decodeHex, encodeHex } from '@sws/crypto';
import type { UndeliverableCode } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import { FIRST_OWN_KIND, MESSAGE_RECORD_BYTES, RecordBatch, type RecordReader, readRecords } from '@sws/router';
import { isNodeId, MAX_NODE_ID_LENGTH } from './subjects.js';

/** The first record of a batch: whose it is. */
const FROM_NODE = FIRST_OWN_KIND;
/** A MESSAGE that came for a key that is not there any more: it goes back to be sent anew. to(32) || the MESSAGE. */
const MOVED = FIRST_OWN_KIND + 1;
/** A batch is sent before it is larger, or NATS takes less: others' messages pass in between. */
const MAX_BATCH_BYTES = 262_144;
const KEY_BYTES = 32;
/** What a batch of one MESSAGE has beside it, and a little more. */
const OVERHEAD_BYTES = 2 * MESSAGE_RECORD_BYTES + MAX_NODE_ID_LENGTH;
/** Of so many keys it is remembered where they are; the one that was learned first is forgotten first. */
export const MAX_KNOWN_KEYS = 65_536;

/** Another node that holds keys: what is sent to it in one turn goes together. */
interface OtherNode {
  readonly nodeId: string;
  readonly batch: RecordBatch;
  /** Keys that are known to be there. */
  keys: number;
}

/** What is in another node's batch; `nodeId` is that node. */
export interface BatchReader {
  message(nodeId: string, to: string, message: Uint8Array): void;
  /** A MESSAGE of this node came back: the other does not hold its key any more. */
  moved(to: string, message: Uint8Array): void;
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
}

/** Which node holds which key, as far as it is known, and the batches for those nodes. */
export class NodeBatches {
  readonly #ownId: Uint8Array;
  readonly #send: (nodeId: string, bytes: Uint8Array) => void;
  readonly #maxBytes: () => number;
  readonly #nodes = new Map<string, OtherNode>();
  readonly #holders = new Map<string, OtherNode>();

  /** `send` publishes a batch; `maxPayload` is the most that NATS takes at once. */
  constructor(ownId: string, send: (nodeId: string, bytes: Uint8Array) => void, maxPayload: () => number) {
    this.#ownId = new TextEncoder().encode(ownId);
    this.#send = send;
    this.#maxBytes = () => Math.min(MAX_BATCH_BYTES, maxPayload()) - OVERHEAD_BYTES;
  }

  /** Keys of which it is known where they are. */
  get known(): number {
    return this.#holders.size;
  }

  /** `key` is at this node. */
  learn(key: string, nodeId: string): void {
    if (this.#holders.get(key)?.nodeId === nodeId) return;
    this.forget(key);
    const node = this.#node(nodeId);
    node.keys++;
    this.#holders.set(key, node);
    for (const [oldest] of this.#holders) {
      if (this.#holders.size <= MAX_KNOWN_KEYS) break;
      this.forget(oldest);
    }
  }

  /** It is not known any more where `key` is. */
  forget(key: string): void {
    const node = this.#holders.get(key);
    if (node === undefined) return;
    this.#holders.delete(key);
    // What takes another way from here on must not arrive first.
    node.batch.flush();
    node.keys--;
    this.#drop(node);
  }

  /** Puts a MESSAGE into the batch of the node that holds `to`. False if it has to take its own way. */
  message(to: string, message: Uint8Array): boolean {
    const node = this.#holders.get(to);
    if (node === undefined) return false;
    const { batch } = node;
    if (batch.bytes + message.length > this.#maxBytes()) batch.flush();
    if (message.length > this.#maxBytes()) return false;
    batch.message(to, message);
    return true;
  }

  /** Tells another node what became of a MESSAGE. */
  undeliverable(nodeId: string, to: string, from: string, head: Uint8Array, code: UndeliverableCode): void {
    const node = this.#node(nodeId);
    if (node.batch.bytes > this.#maxBytes()) node.batch.flush();
    node.batch.undeliverable(to, from, head, code);
  }

  /** Gives a MESSAGE back to another node: its key is not here. */
  moved(nodeId: string, to: string, message: Uint8Array): void {
    const body = new Uint8Array(KEY_BYTES + message.length);
    body.set(decodeHex(to) ?? []);
    body.set(message, KEY_BYTES);
    const node = this.#node(nodeId);
    if (node.batch.bytes + message.length > this.#maxBytes()) node.batch.flush();
    node.batch.own(MOVED, body);
  }

  /** Drops what waits: NATS is away. */
  clear(): void {
    for (const node of [...this.#nodes.values()]) {
      node.batch.clear();
      this.#drop(node);
    }
  }

  /** Sends what waits. */
  flush(): void {
    for (const { batch } of [...this.#nodes.values()]) batch.flush();
  }

  #node(nodeId: string): OtherNode {
    let node = this.#nodes.get(nodeId);
    if (node === undefined) {
      const batch = new RecordBatch(
        (parts) => {
          this.#send(nodeId, Buffer.concat(parts));
          this.#drop(made);
        },
        { kind: FROM_NODE, body: this.#ownId },
      );
      const made: OtherNode = { nodeId, batch, keys: 0 };
      node = made;
      this.#nodes.set(nodeId, node);
    }
    return node;
  }

  /** A node without known keys and without anything that waits for it is not remembered. */
  #drop(node: OtherNode): void {
    if (node.keys === 0 && node.batch.bytes === 0 && this.#nodes.get(node.nodeId) === node)
      this.#nodes.delete(node.nodeId);
  }
}

/** Reads a batch. False if it is not whole, or malformed: what stands before the fault has been told. */
export function readBatch(bytes: Uint8Array, reader: BatchReader): boolean {
  let nodeId: string | null = null;
  const records: RecordReader = {
    message: (to, message) => {
      if (nodeId !== null) reader.message(nodeId, to, message);
    },
    undeliverable: (to, from, head, code) => reader.undeliverable(to, from, head, code),
    own(kind, body) {
      if (kind === MOVED && body.length >= KEY_BYTES + MESSAGE_HEAD_BYTES) {
        reader.moved(encodeHex(body.subarray(0, KEY_BYTES)), body.subarray(KEY_BYTES));
        return true;
      }
      if (kind !== FROM_NODE || nodeId !== null || body.length > MAX_NODE_ID_LENGTH) return false;
      nodeId = new TextDecoder().decode(body);
      return isNodeId(nodeId);
    },
  };
  return readRecords(bytes, records) === bytes.length && nodeId !== null;
}
