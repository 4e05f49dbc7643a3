import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { UndeliverableCode } from '@sws/protocol';
import { type Backplane, type BackplaneLink, type BackplaneNode, type Claim, compareClaims } from '@sws/router';
import type { SharedCounts } from './shared-counts.js';
import { Sibling, type SiblingRecord } from './sibling.js';

/** The traffic between workers since this one started. */
export class LocalCounters {
  /** MESSAGEs given to siblings. */
  published = 0;
  publishedBytes = 0;
  /** MESSAGEs from siblings. */
  received = 0;
  receivedBytes = 0;
  /** MESSAGEs refused because a slow sibling had no room. */
  congested = 0;
}

export interface LocalBackplaneOptions {
  /** The socket at which siblings reach this worker, in a folder that nobody else can enter. */
  readonly path: string;
  /** Counts of connections to share with siblings. */
  readonly counts?: SharedCounts;
}

/** How long to wait before a connection to a living sibling is made again. */
const REDIAL_MS = 100;

/**
 * Joins the workers of one machine, each with each, by local sockets. Every worker knows which sibling holds which key,
 * because claims are sent to all. All data for a sibling in one turn of the event loop is one write.
 */
export class LocalBackplane implements Backplane {
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly counters = new LocalCounters();
  readonly #server: Server;
  readonly #counts: SharedCounts | undefined;
  /** Siblings that connected before this worker's router joined. */
  readonly #waiting: { readonly socket: Socket; readonly path: string | null }[] = [];
  #link: LocalLink | null = null;

  private constructor(server: Server, counts: SharedCounts | undefined) {
    this.#server = server;
    this.#counts = counts;
    server.on('connection', (socket) => this.#meet(socket, null));
  }

  /** Listens. @throws Error if it cannot listen on the path */
  static async open({ path, counts }: LocalBackplaneOptions): Promise<LocalBackplane> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(path);
    await once(server, 'listening');
    return new LocalBackplane(server, counts);
  }

  /** Dials siblings that listen already. Later ones dial this worker. A sibling that is gone is skipped. */
  async dial(paths: readonly string[]): Promise<void> {
    await Promise.all(paths.map((path) => this.#dial(path)));
  }

  /** @throws Error the second time: a worker has one router */
  join(node: BackplaneNode): BackplaneLink {
    if (this.#link !== null) throw new Error('a local backplane is one worker’s');
    this.#link = new LocalLink(node, this.counters, this.#counts, () => this.#server.close());
    for (const { socket, path } of this.#waiting.splice(0)) this.#meet(socket, path);
    return this.#link;
  }

  /** Resolves when every sibling so far has sent its claims, or after a time limit. */
  async met(): Promise<void> {
    await this.#link?.met();
  }

  async #dial(path: string): Promise<void> {
    const socket = connect(path);
    socket.pause();
    try {
      await once(socket, 'connect');
    } catch {
      return; // the sibling is gone
    }
    this.#meet(socket, path);
  }

  /** Adds a sibling. `path` is where to dial if the socket breaks; `null` if the sibling dials. */
  #meet(socket: Socket, path: string | null): void {
    if (this.#link === null) {
      socket.on('error', () => {});
      this.#waiting.push({ socket, path });
      return;
    }
    this.#link.meet(socket, () => {
      if (path !== null) setTimeout(() => void this.#dial(path), REDIAL_MS).unref();
    });
    socket.resume();
  }
}

/** The most bytes that wait for all siblings together. Each may have as much as the others leave free. */
export const MAX_UNSENT_BYTES = 32 * 1_048_576;
/** How much may always wait for each sibling. */
const MIN_UNSENT_BYTES = 262_144;
/** With more than this for a sibling, it is written before the end of the turn, so that the sibling can begin. */
const WRITE_BYTES = 262_144;
/** How long to wait for a term from a key's holder. After that, the term of its last claim is used. */
const TERM_TIMEOUT_MS = 1_000;
/** How long a starting worker waits for its siblings. */
const MEET_TIMEOUT_MS = 3_000;

class LocalLink implements BackplaneLink {
  readonly #node: BackplaneNode;
  readonly #counters: LocalCounters;
  readonly #counts: SharedCounts | undefined;
  readonly #stop: () => void;
  readonly #siblings = new Set<Sibling>();
  readonly #held = new Map<string, Claim>();
  /** The sibling that holds each key. If several do, it is the one with the greatest claim. */
  readonly #holders = new Map<string, Sibling>();
  readonly #asked = new Map<number, (term: number) => void>();
  readonly #meeting = new Set<Promise<void>>();
  readonly #metBy = new Map<Sibling, () => void>();
  #question = 0;
  #left = false;

  constructor(node: BackplaneNode, counters: LocalCounters, counts: SharedCounts | undefined, stop: () => void) {
    this.#node = node;
    this.#counters = counters;
    this.#counts = counts;
    this.#stop = stop;
    counts?.tellWith((record) => {
      for (const sibling of this.#siblings) sibling.tell(record);
    });
  }

  meet(socket: Socket, broken: () => void): void {
    if (this.#left) return void socket.destroy();
    const sibling = new Sibling(socket, {
      message: (to, message) => {
        this.#counters.received++;
        this.#counters.receivedBytes += message.length;
        return this.#node.message(to, message);
      },
      undeliverable: (to, from, head, code) => this.#node.undeliverable(to, from, head, code),
      record: (record) => this.#record(sibling, record),
      closed: () => {
        this.#lose(sibling);
        if (!this.#left) broken();
      },
    });
    this.#siblings.add(sibling);
    const met = new Promise<void>((resolve) => this.#metBy.set(sibling, resolve));
    this.#meeting.add(met);
    void met.then(() => this.#meeting.delete(met));
    for (const claim of this.#held.values()) sibling.tell({ type: 'claim', claim });
    for (const record of this.#counts?.all() ?? []) sibling.tell(record);
    sibling.tell({ type: 'met' });
  }

  async met(): Promise<void> {
    await within(MEET_TIMEOUT_MS, Promise.all(this.#meeting));
  }

  async highestTerm(key: string): Promise<number> {
    const holders = [...this.#siblings].filter(({ claims }) => claims.has(key));
    const terms = await Promise.all(holders.map((sibling) => this.#ask(sibling, key)));
    return Math.max(0, ...terms);
  }

  claim(claim: Claim): void {
    if (this.#left) return;
    this.#held.set(claim.key, claim);
    this.#tellAll({ type: 'claim', claim });
  }

  release(key: string): void {
    if (this.#held.delete(key)) this.#tellAll({ type: 'release', key });
  }

  publish(to: string, _from: string, message: Uint8Array): UndeliverableCode | null {
    const sibling = this.#holders.get(to);
    if (sibling === undefined) return 'offline';
    if (!this.#hasRoom(sibling, message.length)) {
      this.#counters.congested++;
      return 'congested';
    }
    this.#counters.published++;
    this.#counters.publishedBytes += message.length;
    sibling.batch.message(to, message);
    if (sibling.batch.bytes >= WRITE_BYTES) sibling.batch.flush();
    return null;
  }

  gone(key: string, term: number): void {
    this.#tellAll({ type: 'gone', key, term });
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#held.clear();
    this.#stop();
    for (const sibling of this.#siblings) sibling.end();
  }

  #tellAll(record: SiblingRecord): void {
    for (const sibling of this.#siblings) sibling.tell(record);
  }

  #hasRoom(sibling: Sibling, bytes: number): boolean {
    const waiting = sibling.unsentBytes + bytes;
    if (waiting <= MIN_UNSENT_BYTES) return true;
    let all = 0;
    for (const { unsentBytes } of this.#siblings) all += unsentBytes;
    return waiting <= MAX_UNSENT_BYTES - all;
  }

  async #ask(sibling: Sibling, key: string): Promise<number> {
    const id = ++this.#question;
    const answer = new Promise<number>((resolve) => this.#asked.set(id, resolve));
    sibling.tell({ type: 'ask', id, key });
    const term = await within(TERM_TIMEOUT_MS, answer);
    this.#asked.delete(id);
    return term ?? sibling.claims.get(key)?.term ?? 0;
  }

  #record(sibling: Sibling, record: SiblingRecord): void {
    switch (record.type) {
      case 'claim': {
        const { claim } = record;
        sibling.claims.set(claim.key, claim);
        this.#hold(claim.key);
        if (this.#held.has(claim.key)) this.#node.claimed(claim);
        return;
      }
      case 'release':
        sibling.claims.delete(record.key);
        return this.#hold(record.key);
      case 'gone':
        return this.#node.gone(record.key, record.term);
      case 'met':
        return this.#metBy.get(sibling)?.();
      case 'ask':
        return sibling.tell({ type: 'answer', id: record.id, term: this.#held.get(record.key)?.term ?? 0 });
      case 'answer':
        return this.#asked.get(record.id)?.(record.term);
      case 'count':
        return this.#counts?.heard(sibling.counts, record);
    }
  }

  /** Determines again which sibling holds a key. */
  #hold(key: string): void {
    let greatest: Sibling | undefined;
    for (const sibling of this.#siblings) {
      const claim = sibling.claims.get(key);
      const known = greatest?.claims.get(key);
      if (claim !== undefined && (known === undefined || compareClaims(claim, known) > 0)) greatest = sibling;
    }
    if (greatest === undefined) this.#holders.delete(key);
    else this.#holders.set(key, greatest);
  }

  /** A sibling has ended. Its keys are gone, unless another sibling holds them. */
  #lose(sibling: Sibling): void {
    this.#siblings.delete(sibling);
    this.#metBy.get(sibling)?.();
    this.#metBy.delete(sibling);
    this.#counts?.lost(sibling.counts);
    for (const { key, term } of sibling.claims.values()) {
      this.#hold(key);
      if (!this.#holders.has(key) && !this.#held.has(key)) this.#node.gone(key, term);
    }
  }
}

/** Waits at most `timeoutMs` for `value`; then resolves with `null`. */
async function within<T>(timeoutMs: number, value: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  const first = await Promise.race([value, late]);
  clearTimeout(timer);
  return first;
}
