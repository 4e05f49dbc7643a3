import { decodeHex, encodeHex } from '@sws/crypto';

/** An empty token is not allowed in a subject. */
const EMPTY = '-';
const PREFIX = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const TOKEN = /^[A-Za-z0-9_-]+$/;

/** @throws RangeError where it can't start a subject */
export function checkPrefix(prefix: string): void {
  if (!PREFIX.test(prefix)) throw new RangeError('prefix: letters, digits, - and _, in parts joined by dots');
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
 * The NATS subjects of one relay: `<prefix>.key.<key>.message|claim|term`, `<prefix>.node.<nodeId>.<from>.<to>.<head>`
 * and `<prefix>.gone`.
 */
export class Subjects {
  readonly gone: string;
  /** Everything that is told to one node. */
  readonly replies: string;
  readonly #keys: string;
  readonly #node: string;

  /** @throws RangeError where `prefix` or `nodeId` can't be part of a subject */
  constructor(prefix: string, nodeId: string) {
    checkPrefix(prefix);
    if (!TOKEN.test(nodeId)) throw new RangeError('nodeId: letters, digits, - and _');
    this.gone = `${prefix}.gone`;
    this.#keys = `${prefix}.key.`;
    this.#node = `${prefix}.node.${nodeId}.`;
    this.replies = `${this.#node}*.*.*`;
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

  /** The MESSAGE that a reply is about, or `null` where the subject is none of ours. */
  sent(subject: string): Sent | null {
    const [from, to, text, ...rest] = subject.slice(this.#node.length).split('.');
    if (from === undefined || to === undefined || text === undefined || rest.length > 0) return null;
    const head = text === EMPTY ? new Uint8Array(0) : decodeHex(text);
    return head === null ? null : { from, to, head };
  }
}
