import { decodeHex } from '@sws/crypto';
import { encodeMessage, type Failure, type RelayFrame } from '@sws/protocol';
import type { RegisteredSocket, Router } from '../src/index.js';

export const keyBytes = (hex: string): Uint8Array => decodeHex(hex) ?? new Uint8Array(32);

export class FakeSocket implements RegisteredSocket {
  readonly publicKeyBytes: Uint8Array;
  onmessage: ((message: Uint8Array) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly delivered: Uint8Array[] = [];
  readonly frames: RelayFrame[] = [];
  onwritten: ((count: number) => void) | null = null;
  closedWith: Failure | null = null;
  readonly publicKey: string;
  readonly term: number;
  readonly network: string | null;

  constructor(publicKey: string, term: number, network: string | null = null) {
    this.network = network;
    this.publicKey = publicKey;
    this.term = term;
    this.publicKeyBytes = keyBytes(publicKey);
  }
  deliver(message: Uint8Array): void {
    this.delivered.push(message);
  }
  notify(frame: RelayFrame): void {
    this.frames.push(frame);
  }
  close(failure: Failure): void {
    this.closedWith = failure;
    this.onclose?.();
  }
  send(to: string, content: Uint8Array): void {
    this.onmessage?.(encodeMessage(keyBytes(to), content));
  }
}

export const A = `${'aa'.repeat(31)}00`;
export const B = `${'bb'.repeat(31)}00`;

export async function register(
  router: Router,
  key: string,
  lastTerm = 0,
  network: string | null = null,
): Promise<FakeSocket> {
  const admission = await router.admit(key, lastTerm);
  if (!admission.ok) throw new Error(admission.failure.detail);
  const socket = new FakeSocket(key, admission.term, network);
  router.add(socket);
  return socket;
}
