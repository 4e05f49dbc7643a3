import { decodeHex, encodeHex } from '@sws/crypto';

const BATCH = 'batch';
/** An empty token is not allowed in a subject. */
const EMPTY = '-';
const PREFIX = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const TOKEN = /^[A-Za-z0-9_-]+$/;
export const MAX_NODE_ID_LENGTH = 256;

/** @throws RangeError where it can't start a subject */
export function checkPrefix(prefix: string): void {
  if (!PREFIX.test(prefix))
    throw new RangeError(`prefix must be letters, digits, - and _, in parts joined by dots, got '${prefix}'`);
}

/** Whether it can be part of a subject, and of a batch. */
export function isNodeId(text: string): boolean {
  return text.length <= MAX_NODE_ID_LENGTH && TOKEN.test(text);
}

/** What is sent on a key's subject. */
export type KeySubject = 'message' | 'claim' | 'term';

/** Whom a MESSAGE came from, whom it is for, and which it is: a reply subject says it all, so that no node keeps state for it. */
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
  /** Everything that is told to this node. */
  readonly own: string;
  readonly #keys: string;
  readonly #nodes: string;
  readonly #node: string;

  /** @throws RangeError where `prefix` or `nodeId` can't be part of a subject */
  constructor(prefix: string, nodeId: string) {
    checkPrefix(prefix);
    if (!isNodeId(nodeId)) throw new RangeError(`nodeId: up to ${MAX_NODE_ID_LENGTH} letters, digits, - and _`);
    this.gone = `${prefix}.gone`;
    this.#keys = `${prefix}.key.`;
    this.#nodes = `${prefix}.node.`;
    this.#node = `${this.#nodes}${nodeId}.`;
    this.own = `${this.#node}>`;
  }

  /** One subscription per key takes all that concerns it. */
  all(key: string): string {
    return `${this.#keys}${key}.*`;
  }

  of(key: string, what: KeySubject): string {
    return `${this.#keys}${key}.${what}`;
  }

  /** The last token: what was sent on a key's subject. */
  what(subject: string): string {
    return subject.slice(subject.lastIndexOf('.') + 1);
  }

  /** Where the fate of a MESSAGE is told to its sender's node. */
  reply({ from, to, head }: Sent): string {
    return `${this.#node}${from}.${to}.${head.length === 0 ? EMPTY : encodeHex(head)}`;
  }

  /** Where a node takes batches. */
  batch(nodeId: string): string {
    return `${this.#nodes}${nodeId}.${BATCH}`;
  }

  /** Where NATS says that nobody took this node's batch of this number. */
  batchReply(number: number): string {
    return `${this.#node}${BATCH}.${number}`;
  }

  /** Whether a subject of this node is that of batches. */
  isBatch(subject: string): boolean {
    return subject.length === this.#node.length + BATCH.length && subject.endsWith(BATCH);
  }

  /** The number of the batch that a reply is about, or `null` where it is about none. */
  batchNumber(subject: string): number | null {
    const [batch, number, ...rest] = subject.slice(this.#node.length).split('.');
    return batch === BATCH && rest.length === 0 && /^\d{1,15}$/.test(number ?? '') ? Number(number) : null;
  }

  /** The MESSAGE that a reply is about, or `null` where the subject is none of ours. */
  sent(subject: string): Sent | null {
    const [from, to, text, ...rest] = subject.slice(this.#node.length).split('.');
    if (from === undefined || to === undefined || text === undefined || rest.length > 0) return null;
    const head = text === EMPTY ? new Uint8Array(0) : decodeHex(text);
    return head === null ? null : { from, to, head };
  }
}
