import type { UndeliverableCode } from '@sws/protocol';
import { type BackplaneLink, type BackplaneNode, type Claim, compareClaims } from '@sws/router';
import type { NatsBackplane } from '../src/index.js';

/** A node that holds keys as a router does, and writes down what it hears. */
export class RecordingNode implements BackplaneNode {
  readonly nodeId: string;
  readonly messages: Uint8Array[] = [];
  readonly undelivered: UndeliverableCode[] = [];
  readonly own = new Map<string, Claim>();
  readonly link: BackplaneLink;
  answer: UndeliverableCode | null = null;

  constructor(nodeId: string, backplane: NatsBackplane) {
    this.nodeId = nodeId;
    this.link = backplane.join(this);
  }
  hold(key: string, term: number): void {
    const claim: Claim = { key, term, nodeId: this.nodeId, connectionId: 1 };
    this.own.set(key, claim);
    this.link.claim(claim);
  }
  claimed(claim: Claim): void {
    const own = this.own.get(claim.key);
    if (own === undefined) return;
    const order = compareClaims(claim, own);
    if (order < 0) this.link.claim(own);
    else if (order > 0) {
      this.own.delete(claim.key);
      this.link.release(claim.key);
    }
  }
  message(_to: string, message: Uint8Array): UndeliverableCode | null {
    if (this.answer === null) this.messages.push(message);
    return this.answer;
  }
  gone(): void {}
  undeliverable(_to: string, _from: string, _head: Uint8Array, code: UndeliverableCode): void {
    this.undelivered.push(code);
  }
}
