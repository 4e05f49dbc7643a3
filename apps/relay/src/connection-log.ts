import type { IncomingMessage } from 'node:http';
import type { Refusal, ServerSecureWebSocket } from '@sws/server';
import { Seldom } from './seldom.js';

/** The methods of a pino logger that we use. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const SILENCE: Log = { debug() {}, info() {}, warn() {}, error() {} };
/** How many digits of a key are logged. They distinguish keys, and cannot be dialled. */
const SHOWN_DIGITS = 8;
/** The most reasons that are counted by themselves. Any others, which a client may invent, count as one. */
const MAX_REASONS = 64;

/**
 * Logs connections and requests by number, only at `debug`. Keys are shortened, and contents are unknown. An address
 * over its bound is logged at `warn`, once a minute, because the operator needs it to act.
 */
export class ConnectionLog {
  readonly log: Log;
  /** Connections that ended before they were registered, by reason. */
  readonly refusedRegistrations = new Map<string, number>();
  readonly #crowded = new Seldom((count) =>
    this.log.warn({ address: this.#crowdedAddress, refused: count }, 'an address has reached its limit of connections'),
  );
  #crowdedAddress = '';
  #connection = 0;
  #request = 0;

  constructor(log: Log = SILENCE) {
    this.log = log;
  }

  /** Logs a registered connection. Call the returned function when it has closed. */
  registered({ publicKey, remoteAddress, term }: ServerSecureWebSocket): () => void {
    const fields = { connection: ++this.#connection, key: shortened(publicKey), address: remoteAddress };
    const since = performance.now();
    this.log.debug({ ...fields, term }, 'registered');
    return () => this.log.debug({ ...fields, seconds: Math.round((performance.now() - since) / 1000) }, 'closed');
  }

  refused({ reason, detail, remoteAddress }: Refusal): void {
    const known = this.refusedRegistrations.has(reason) || this.refusedRegistrations.size < MAX_REASONS;
    const counted = known ? reason : 'other';
    this.refusedRegistrations.set(counted, (this.refusedRegistrations.get(counted) ?? 0) + 1);
    this.log.debug({ connection: ++this.#connection, address: remoteAddress, reason, detail }, 'refused');
    if (reason === 'internal-error') this.log.error({ error: detail }, 'a connection failed');
    if (reason !== 'too-many-connections-from-address') return;
    this.#crowdedAddress = remoteAddress;
    this.#crowded.note();
  }

  answered({ method, url = '/', socket }: IncomingMessage, status: number): void {
    const path = (url.split('?')[0] ?? '/').replace(/[0-9a-f]{64}/g, shortened);
    this.log.debug({ request: ++this.#request, method, path, status, address: socket.remoteAddress }, 'request');
  }
}

export function shortened(key: string): string {
  return `${key.slice(0, SHOWN_DIGITS)}…`;
}
