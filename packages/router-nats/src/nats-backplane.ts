import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import type { Backplane, BackplaneNode } from '@sws/router';
import { NatsCounters } from './counters.js';
import { NatsLink } from './nats-link.js';
import { checkPrefix } from './subjects.js';

/** A half-open connection to NATS is found within two intervals. */
const PING_INTERVAL_MS = 5_000;
const RECONNECT_WAIT_MS = 250;
const RECONNECT_JITTER_MS = 250;
/** How long `close` waits for NATS to take the last messages. */
const CLOSE_FLUSH_MS = 1_000;

/** An event of the connection, for a log. */
export interface NatsEvent {
  /** What happened. After `closed` the backplane is not used again. */
  readonly type: 'disconnected' | 'reconnected' | 'error' | 'closed';
  /** The text from NATS. */
  readonly detail: string;
}

/** Settings of a backplane over NATS. */
export interface NatsBackplaneOptions {
  /**
   * Passed to `connect` of `@nats-io/transport-node`: `servers`, `tls`, `user` and `pass`, `token`, `authenticator`, …
   * @defaultValue 127.0.0.1:4222; reconnects for ever after 250–500 ms; PING every 5 s
   */
  readonly connection?: NodeConnectionOptions;
  /**
   * A NATS credentials file (JWT and seed). It is read again for each connection, so that it can be rotated. While it
   * cannot be used, the last valid one is used.
   */
  readonly credentialsFile?: string;
  /** The first tokens of every subject. Nodes with another prefix are another relay. @defaultValue `sws` */
  readonly prefix?: string;
  /** Called with each event, for a log. @defaultValue nothing is logged */
  readonly onEvent?: (event: NatsEvent) => void;
}

/** One node's backplane, with one connection to NATS. */
export interface NatsBackplane extends Backplane {
  /** What the backplane has done since it started. */
  readonly counters: NatsCounters;
  /** Whether there is a connection to NATS now. */
  readonly connected: boolean;
  /** How many bytes NATS has not confirmed; at most 16 MiB. */
  readonly unconfirmedBytes: number;
  /** Leaves the backplane, waits at most 1 s until NATS has taken the last messages, and disconnects. */
  close(): Promise<void>;
}

/**
 * Connects to NATS. Rejects with the NATS client's error if no server can be reached. Also rejects if the server cannot
 * report that a subject has no subscriber (before 2.2). Once connected, it reconnects for ever.
 * @throws RangeError for a prefix that cannot start a subject
 */
export async function natsBackplane(options: NatsBackplaneOptions = {}): Promise<NatsBackplane> {
  const { prefix = 'sws', credentialsFile, onEvent = () => {} } = options;
  checkPrefix(prefix);
  const nats = await connect({
    pingInterval: PING_INTERVAL_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    // A rotation of the credentials must not end the relay.
    ignoreAuthErrorAbort: true,
    inboxPrefix: `${prefix}.inbox`,
    ...(credentialsFile === undefined ? {} : { authenticator: fromFile(credentialsFile) }),
    ...options.connection,
    // A node must not receive its own messages. A stack trace per request would cost more than the request.
    noEcho: true,
    noAsyncTraces: true,
  });
  if (nats.info?.headers !== true) {
    await nats.close();
    throw new Error('the NATS server must be 2.2 or newer, with headers and no-responders');
  }
  return new ConnectedNats(nats, prefix, onEvent);
}

/**
 * Reads the credentials for each connection. If an authenticator throws, the library gives up for good. Therefore the
 * last valid credentials are used while the file is missing or half-written.
 */
function fromFile(path: string): Authenticator {
  let last: Authenticator | null = null;
  return (nonce) => {
    try {
      const present = credsAuthenticator(readFileSync(path));
      const answer = present(nonce);
      last = present;
      return answer;
    } catch (error) {
      if (last === null) throw error;
      return last(nonce);
    }
  };
}

class ConnectedNats implements NatsBackplane {
  readonly counters = new NatsCounters();
  readonly maxMessageBytes: number;
  connected = true;
  readonly #nats: NatsConnection;
  readonly #prefix: string;
  readonly #onEvent: (event: NatsEvent) => void;
  #link: NatsLink | null = null;

  constructor(nats: NatsConnection, prefix: string, onEvent: (event: NatsEvent) => void) {
    this.#nats = nats;
    this.#prefix = prefix;
    this.#onEvent = onEvent;
    // A MESSAGE is the whole NATS payload. Its addresses are in the subjects.
    this.maxMessageBytes = nats.info?.max_payload ?? 0;
    this.#watch().catch((error: unknown) => {
      // The library's stream of events failed. Keep the last known state of the connection.
      this.counters.errors++;
      this.#tell({ type: 'error', detail: String(error) });
    });
  }

  get unconfirmedBytes(): number {
    return this.#link?.unconfirmedBytes ?? 0;
  }

  /** @throws Error the second time: each node needs its own connection; RangeError if a subject cannot hold `nodeId` */
  join(node: BackplaneNode): NatsLink {
    if (this.#link !== null) throw new Error('this NATS backplane already has a router: create one for each router');
    this.#link = new NatsLink(this.#nats, this.#prefix, node, this.counters);
    return this.#link;
  }

  async close(): Promise<void> {
    this.#link?.leave();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_FLUSH_MS);
    });
    await Promise.race([this.#nats.flush().catch(() => {}), late]);
    clearTimeout(timer);
    await this.#nats.close();
  }

  /** Calls `onEvent`. An error in it must not end the watch. */
  #tell(event: NatsEvent): void {
    try {
      this.#onEvent(event);
    } catch {
      this.counters.errors++;
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nats.status()) {
      switch (status.type) {
        case 'disconnect':
          // The library also reports attempts that end with a refused login.
          if (!this.connected) break;
          this.connected = false;
          this.counters.disconnects++;
          this.#link?.disconnected();
          this.#tell({ type: 'disconnected', detail: `from ${status.server}` });
          break;
        case 'reconnect':
          this.connected = true;
          this.counters.reconnects++;
          this.#link?.reconnected();
          this.#tell({ type: 'reconnected', detail: `to ${status.server}` });
          break;
        case 'error':
          this.counters.errors++;
          this.#tell({ type: 'error', detail: status.error.message });
          break;
        case 'close':
          if (this.connected) this.#link?.disconnected();
          this.connected = false;
          this.#tell({ type: 'closed', detail: 'for good' });
          break;
        default:
          break;
      }
    }
  }
}
