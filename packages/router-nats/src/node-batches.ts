import { decodeHex, encodeHex } from '@sws/crypto';
import type { UndeliverableCode } from '@sws/protocol';
import { MESSAGE_HEAD_BYTES } from '@sws/protocol/internal';
import { FIRST_OWN_KIND, MESSAGE_RECORD_BYTES, RecordBatch, type RecordReader, readRecords } from '@sws/router';
import { isNodeId, MAX_NODE_ID_LENGTH } from './subjects.js';

/** The first record of a batch: the id of the sending node. */
const FROM_NODE = FIRST_OWN_KIND;
/** A MESSAGE that is returned because its key has left the node; it is sent again. to(32) || the MESSAGE. */
const MOVED = FIRST_OWN_KIND + 1;
/** The largest batch, unless NATS accepts less. Messages of others can pass between two batches. */
const MAX_BATCH_BYTES = 262_144;
const KEY_BYTES = 32;
/** An upper bound of the bytes of a batch beside its one MESSAGE. */
const OVERHEAD_BYTES = 2 * MESSAGE_RECORD_BYTES + MAX_NODE_ID_LENGTH;
/** How many keys' nodes are remembered. The one that was learned first is forgotten first. */
export const MAX_KNOWN_KEYS = 65_536;

/** Another node that holds keys, with its batch. */
interface OtherNode {
  readonly nodeId: string;
  readonly batch: RecordBatch;
  /** How many keys are known to be at the node. */
  keys: number;
}

/** Callbacks for the records in another node's batch; `nodeId` is that node. */
export interface BatchReader {
  message(nodeId: string, to: string, message: Uint8Array): void;
  /** A MESSAGE of this node came back, because the other node no longer holds its key. */
  moved(to: string, message: Uint8Array): void;
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void;
}

/** The known nodes of keys, and the batches for those nodes. */
export class NodeBatches {
  readonly #ownId: Uint8Array;
  readonly #send: (nodeId: string, bytes: Uint8Array) => void;
  readonly #maxBytes: () => number;
  readonly #nodes = new Map<string, OtherNode>();
  readonly #holders = new Map<string, OtherNode>();

  /** `send` publishes a batch; `maxPayload` is the largest message that NATS accepts. */
  constructor(ownId: string, send: (nodeId: string, bytes: Uint8Array) => void, maxPayload: () => number) {
    this.#ownId = new TextEncoder().encode(ownId);
    this.#send = send;
    this.#maxBytes = () => Math.min(MAX_BATCH_BYTES, maxPayload()) - OVERHEAD_BYTES;
  }

  /** How many keys have a known node. */
  get known(): number {
    return this.#holders.size;
  }

  /** Notes that `key` is at a node. */
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

  /** Forgets the node of `key`. */
  forget(key: string): void {
    const node = this.#holders.get(key);
    if (node === undefined) return;
    this.#holders.delete(key);
    // Later MESSAGEs take another way, and must not arrive before those in the batch.
    node.batch.flush();
    node.keys--;
    this.#drop(node);
  }

  /** Puts a MESSAGE into the batch of the node that holds `to`. Returns false if it must be published by itself. */
  message(to: string, message: Uint8Array): boolean {
    const node = this.#holders.get(to);
    if (node === undefined) return false;
    const { batch } = node;
    if (batch.bytes + message.length > this.#maxBytes()) batch.flush();
    if (message.length > this.#maxBytes()) return false;
    batch.message(to, message);
    return true;
  }

  /** Tells another node that a MESSAGE was not delivered. */
  undeliverable(nodeId: string, to: string, from: string, head: Uint8Array, code: UndeliverableCode): void {
    const node = this.#node(nodeId);
    if (node.batch.bytes > this.#maxBytes()) node.batch.flush();
    node.batch.undeliverable(to, from, head, code);
  }

  /** Returns a MESSAGE to another node, because its key is not here. */
  moved(nodeId: string, to: string, message: Uint8Array): void {
    const body = new Uint8Array(KEY_BYTES + message.length);
    body.set(decodeHex(to) ?? []);
    body.set(message, KEY_BYTES);
    const node = this.#node(nodeId);
    if (node.batch.bytes + message.length > this.#maxBytes()) node.batch.flush();
    node.batch.own(MOVED, body);
  }

  /** Drops the waiting records, because NATS is unreachable. */
  clear(): void {
    for (const node of [...this.#nodes.values()]) {
      node.batch.clear();
      this.#drop(node);
    }
  }

  /** Sends the waiting records. */
  flush(): void {
    for (const { batch } of [...this.#nodes.values()]) batch.flush();
  }

  #node(nodeId: string): OtherNode {
    let node = this.#nodes.get(nodeId);
    if (node === undefined) {
      const batch = new RecordBatch(
        (parts) => {
          const [only] = parts;
          this.#send(nodeId, parts.length === 1 && only !== undefined ? only : Buffer.concat(parts));
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

  /** Forgets a node that has no known keys and no waiting records. */
  #drop(node: OtherNode): void {
    if (node.keys === 0 && node.batch.bytes === 0 && this.#nodes.get(node.nodeId) === node)
      this.#nodes.delete(node.nodeId);
  }
}

/** Reads a batch. Returns false if it is incomplete or malformed, after it has read the records before the fault. */
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
