import { MAX_TERM } from '@sws/protocol/internal';
import type { Claim } from '@sws/router';

const MAX_CLAIM_BYTES = 512;
const textDecoder = new TextDecoder();

/** Encodes a claim as JSON, because claims are rare and people who watch NATS can read it. */
export function encodeClaim({ term, nodeId, connectionId }: Claim): string {
  return JSON.stringify({ term, nodeId, connectionId });
}

/** The claim of a key, or `null` if the data is not a claim. */
export function decodeClaim(key: string, data: Uint8Array): Claim | null {
  if (data.length > MAX_CLAIM_BYTES) return null;
  let value: unknown;
  try {
    value = JSON.parse(textDecoder.decode(data));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (!('term' in value && 'nodeId' in value && 'connectionId' in value)) return null;
  const { term, nodeId, connectionId } = value;
  if (!isCount(term) || term > MAX_TERM || typeof nodeId !== 'string' || !isCount(connectionId)) return null;
  return { key, term, nodeId, connectionId };
}

/** The term in a text, or `null`. */
export function decodeTerm(data: Uint8Array): number | null {
  const text = data.length > 0 && data.length <= 16 ? textDecoder.decode(data) : '';
  const term = /^\d+$/.test(text) ? Number(text) : -1;
  return isCount(term) && term <= MAX_TERM ? term : null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
