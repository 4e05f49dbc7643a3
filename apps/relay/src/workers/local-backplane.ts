import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { UndeliverableCode } from '@sws/protocol';
import { type Backplane, type BackplaneLink, type BackplaneNode, type Claim, compareClaims } from '@sws/router';
import type { SharedCounts } from './shared-counts.js';
import { Sibling, type SiblingRecord } from './sibling.js';

/** What may wait for all siblings together: each may have as much as the others leave free. */
export const MAX_UNSENT_BYTES = 32 * 1_048_576;
/** What goes to a sibling does not wait for the end of a turn that has more than this: the sibling can begin. */
const WRITE_BYTES = 262_144;
/** As much may wait for each sibling, whatever waits for others. */
const MIN_UNSENT_BYTES = 262_144;
/** The holder of a key is asked for its term for at most this long; then what it last claimed counts. */
const TERM_TIMEOUT_MS = 1_000;
/** A sibling that is alive and cut off is met again after this long. */
const REDIAL_MS = 100;
/** A sibling that stands still is not waited for when a worker starts. */
const MEET_TIMEOUT_MS = 3_000;

/** What has gone between workers since this one began. */
export class LocalCounters {
  /** MESSAGEs given to siblings. */
  published = 0;
  publishedBytes = 0;
  /** MESSAGEs that came from siblings. */
  received = 0;
  receivedBytes = 0;
  /** MESSAGEs that a sibling which does not keep up had no room for. */
  congested = 0;
}

export interface LocalBackplaneOptions {
  /** Where this worker takes its siblings' sockets: in a folder that nobody else can enter. */
  readonly path: string;
  /** Counts of connections that siblings are to know. */
  readonly counts?: SharedCounts;
}

/**
 * Joins the workers of one machine, each with each, by local sockets. Every worker knows which sibling holds which key: a
 * claim goes to all. What goes to a sibling in one turn of the event loop is one write.
 */
export class LocalBackplane implements Backplane {
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly counters = new LocalCounters();
  readonly #server: Server;
  readonly #counts: SharedCounts | undefined;
  /** Who came before this worker's router joined. */
  readonly #waiting: { readonly socket: Socket; readonly path: string | null }[] = [];
  #link: LocalLink | null = null;

  private constructor(server: Server, counts: SharedCounts | undefined) {
    this.#server = server;
    this.#counts = counts;
    server.on('connection', (socket) => this.#meet(socket, null));
  }

  /** Listens. @throws Error where the path can't be listened on */
  static async open({ path, counts }: LocalBackplaneOptions): Promise<LocalBackplane> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(path);
    await once(server, 'listening');
    return new LocalBackplane(server, counts);
  }

  /** Dials siblings that listen already; those that come later dial this one. One that is gone is left out. */
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

  /** Resolves when every sibling so far has told what it holds, or stands still. */
  async met(): Promise<void> {
    await this.#link?.met();
  }

  async #dial(path: string): Promise<void> {
    const socket = connect(path);
    socket.pause();
    try {
      await once(socket, 'connect');
    } catch {
      return; // nobody listens there any more
    }
    this.#meet(socket, path);
  }

  /** `path`: where to dial if the socket breaks; `null` where the sibling does. */
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

class LocalLink implements BackplaneLink {
  readonly #node: BackplaneNode;
  readonly #counters: LocalCounters;
  readonly #counts: SharedCounts | undefined;
  readonly #stop: () => void;
  readonly #siblings = new Set<Sibling>();
  readonly #held = new Map<string, Claim>();
  /** Which sibling holds a key: that with the greatest claim, while several do. */
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

  /** Finds anew which sibling holds a key. */
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

  /** A sibling has died, or left: its keys are nowhere, unless another has them. */
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

/** What `value` comes to, or `null` if that takes too long. */
async function within<T>(timeoutMs: number, value: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  const first = await Promise.race([value, late]);
  clearTimeout(timer);
  return first;
}
