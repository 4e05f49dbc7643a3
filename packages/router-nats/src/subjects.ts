import { decodeHex, encodeHex } from '@sws/crypto';

const BATCH = 'batch';
/** Stands for an empty token, which a subject must not have. */
const EMPTY = '-';
const PREFIX = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const TOKEN = /^[A-Za-z0-9_-]+$/;
export const MAX_NODE_ID_LENGTH = 256;

/** @throws RangeError if the prefix cannot start a subject */
export function checkPrefix(prefix: string): void {
  if (!PREFIX.test(prefix))
    throw new RangeError(`prefix must be letters, digits, - and _, in parts joined by dots, got '${prefix}'`);
}

/** Whether a text can be a node's id in a subject and in a batch. */
export function isNodeId(text: string): boolean {
  return text.length <= MAX_NODE_ID_LENGTH && TOKEN.test(text);
}

/** The kinds of messages on a key's subject. */
export type KeySubject = 'message' | 'claim' | 'term';

/** The sender, receiver and first bytes of a MESSAGE. A reply subject contains them, so that no node stores them. */
export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly head: Uint8Array;
}

/**
 * The NATS subjects of one relay: `<prefix>.key.<key>.message|claim|term`, `<prefix>.gone`, and for each node
 * `<prefix>.node.<nodeId>.batch`, `….batch.<number>` and `….<from>.<to>.<head>`.
 */
export class Subjects {
  readonly gone: string;
  /** The subject of all messages to this node. */
  readonly own: string;
  readonly #keys: string;
  readonly #nodes: string;
  readonly #node: string;

  /** @throws RangeError if `prefix` or `nodeId` cannot be part of a subject */
  constructor(prefix: string, nodeId: string) {
    checkPrefix(prefix);
    if (!isNodeId(nodeId)) throw new RangeError(`nodeId: up to ${MAX_NODE_ID_LENGTH} letters, digits, - and _`);
    this.gone = `${prefix}.gone`;
    this.#keys = `${prefix}.key.`;
    this.#nodes = `${prefix}.node.`;
    this.#node = `${this.#nodes}${nodeId}.`;
    this.own = `${this.#node}>`;
  }

  /** The subject of one subscription for all messages of a key. */
  all(key: string): string {
    return `${this.#keys}${key}.*`;
  }

  of(key: string, what: KeySubject): string {
    return `${this.#keys}${key}.${what}`;
  }

  /** The last token of a key's subject, which is the kind of message. */
  what(subject: string): string {
    return subject.slice(subject.lastIndexOf('.') + 1);
  }

  /** The subject on which a MESSAGE's sender's node gets an answer. */
  reply({ from, to, head }: Sent): string {
    return `${this.#node}${from}.${to}.${head.length === 0 ? EMPTY : encodeHex(head)}`;
  }

  /** The subject of batches for a node. */
  batch(nodeId: string): string {
    return `${this.#nodes}${nodeId}.${BATCH}`;
  }

  /** The subject on which NATS reports that nobody took this node's batch of this number. */
  batchReply(number: number): string {
    return `${this.#node}${BATCH}.${number}`;
  }

  /** Whether a subject of this node is its subject of batches. */
  isBatch(subject: string): boolean {
    return subject.length === this.#node.length + BATCH.length && subject.endsWith(BATCH);
  }

  /** The number of the batch to which a reply refers, or `null` if it refers to none. */
  batchNumber(subject: string): number | null {
    const [batch, number, ...rest] = subject.slice(this.#node.length).split('.');
    return batch === BATCH && rest.length === 0 && /^\d{1,15}$/.test(number ?? '') ? Number(number) : null;
  }

  /** The MESSAGE to which a reply refers, or `null` if the subject is not one of ours. */
  sent(subject: string): Sent | null {
    const [from, to, text, ...rest] = subject.slice(this.#node.length).split('.');
    if (from === undefined || to === undefined || text === undefined || rest.length > 0) return null;
    const head = text === EMPTY ? new Uint8Array(0) : decodeHex(text);
    return head === null ? null : { from, to, head };
  }
}
