import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { type CryptoProvider, type Identity, SwsError } from '@sws/crypto';
import { DirectStation, type RemovableListener } from '../station/direct-station.js';
import { BUSY, type Line, STOPPED } from '../station/line.js';
import { carryLine } from './carry-line.js';
import { greetCommand } from './greeting.js';
import { LocalSocket } from './local-socket.js';
import {
  type AgentStatus,
  type AttachRequest,
  type ConnectRequest,
  readOnly,
  readRequest,
  type TakeRequest,
} from './requests.js';

/** The most local sockets that have not passed the greeting. */
const MAX_STRANGERS = 32;
/** How long a command may take for the greeting and its request. */
const GREETING_MS = 5_000;

/** A relay that is used by commands and their lines. */
interface Held {
  readonly station: DirectStation;
  users: number;
  commands: number;
}

/** The most relays at a time. */
const MAX_RELAYS = 16;

/** A line of a peer that was offered to a command. */
interface Offered {
  readonly line: Line;
  readonly relay: string;
  readonly late: NodeJS.Timeout;
}

/** The most lines of peers that no command has taken yet. */
const MAX_OFFERED = 64;
/** How long a command may take to accept an offered connection of a peer. */
const TAKE_MS = 10_000;

/** Keeps one identity's connections to relays, and serves commands through a local socket. */
export class Agent {
  readonly #identity: Identity;
  readonly #provider: CryptoProvider;
  readonly #key: Buffer;
  readonly #server: Server;
  readonly #stations = new Map<string, Held>();
  readonly #commands = new Set<LocalSocket>();
  /** The local sockets of the lines of each attached command. */
  readonly #attached = new Map<string, Set<LocalSocket>>();
  readonly #offered = new Map<string, Offered>();
  readonly #lines = new Set<Line>();
  readonly #sinceMs = performance.now();
  #strangers = 0;
  #nextOffer = 0;
  #nextCommand = 0;
  #isStopping = false;
  #idle: NodeJS.Timeout | undefined;
  #end: () => void = () => {};
  /** Resolves when the agent has ended because no command needs it, or it was stopped. */
  readonly ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  /** `key` is the `localKey` of the identity's seed. */
  constructor(identity: Identity, provider: CryptoProvider, key: Buffer) {
    this.#identity = identity;
    this.#provider = provider;
    this.#key = key;
    this.#server = createServer((socket) => void this.#serve(socket));
    // For commands and lines together. Others are cut off.
    this.#server.maxConnections = 2_048;
  }

  /**
   * Begins to serve. The caller holds the identity's lock, so an existing socket belongs to a dead agent. @throws
   * Error
   */
  async listen(path: string): Promise<void> {
    const isFile = process.platform !== 'win32';
    if (isFile) await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    if (isFile) await chmod(path, 0o600); // only the user can enter the folder, so nobody could connect before
    this.#watchIdle();
  }

  /** Ends, and closes lines. With `tellsCommands`, commands end too. Otherwise they start another agent. */
  async stop(tellsCommands: boolean): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#idle);
    this.#server.close();
    if (tellsCommands) for (const command of this.#commands) command.writeJson({ type: 'stopped' });
    for (const line of this.#lines) line.close(STOPPED, 'stopped');
    await Promise.all([...this.#stations.values()].map(({ station }) => station.close()));
    for (const command of this.#commands) command.end();
    this.#end();
  }

  async #serve(socket: Socket): Promise<void> {
    if (this.#strangers >= MAX_STRANGERS) return void socket.destroy();
    const local = new LocalSocket(socket);
    const late = setTimeout(() => local.destroy(), GREETING_MS);
    this.#strangers++;
    let request: ReturnType<typeof readRequest> = null;
    try {
      if (!(await greetCommand(local, this.#key))) return local.destroy();
      request = readRequest(await local.nextJson());
    } catch {
      // Invalid data of a stranger ends only its own socket.
      return local.destroy();
    } finally {
      this.#strangers--;
      clearTimeout(late);
    }
    if (request === null) return local.destroy();
    this.#commands.add(local);
    clearTimeout(this.#idle);
    // Pending work for a command that is gone does not keep the agent running.
    const forget = (): void => {
      this.#commands.delete(local);
      this.#watchIdle();
    };
    socket.once('close', forget);
    try {
      if (request.type === 'status') local.writeJson(this.#status());
      else if (request.type === 'stop') await this.stop(true);
      else if (request.type === 'take') await this.#give(local, request);
      else if (request.type === 'connect') await this.#connect(local, request);
      else await this.#attach(local, request);
    } catch (error) {
      // The request failed: the URL is not a relay's, or there are too many relays.
      const { code = 'unexpected', message } = error as Partial<SwsError> & Error;
      local.writeJson({ type: 'failed', code, detail: message });
    } finally {
      local.end();
      socket.off('close', forget);
      forget();
    }
  }

  /** The agent ends after 3 s without a command. */
  #watchIdle(): void {
    clearTimeout(this.#idle);
    if (this.#commands.size === 0) this.#idle = setTimeout(() => void this.stop(false), 3_000);
  }

  #status(): AgentStatus {
    return {
      type: 'status',
      pid: process.pid,
      address: this.#identity.publicKey,
      provider: this.#provider.name,
      upSeconds: Math.round((performance.now() - this.#sinceMs) / 1_000),
      relays: [...this.#stations.values()].map(({ station, commands }) => {
        return { url: station.url, state: station.state, commands };
      }),
      channels: this.#lines.size,
    };
  }

  /** Serves a command while it runs: reports the relay's state, and peers that connect. */
  #attach(local: LocalSocket, { relay, filter }: AttachRequest): Promise<void> {
    return this.#at(relay, async (station, held) => {
      let listener: RemovableListener | null = null;
      if (filter !== null) {
        try {
          listener = await station.listen(filter, (line) => this.#offer(local, relay, line));
        } catch (error) {
          const { code, message } = error as SwsError;
          return local.writeJson({ type: 'failed', code, detail: message });
        }
      }
      const command = String(this.#nextCommand++);
      const lines = new Set<LocalSocket>();
      this.#attached.set(command, lines);
      local.writeJson({ type: 'attached', url: station.url, command });
      const unfollow = station.follow(
        ({ state, failure }) => local.writeJson({ type: 'state', state, failure }),
        (newer) => local.writeJson({ type: 'newer', ...newer }),
      );
      held.commands++;
      try {
        for (;;) {
          const said = await local.nextJson();
          if (said === null) return;
          const only = readOnly(said);
          if (only === undefined) return local.destroy();
          listener?.admit(only);
        }
      } finally {
        held.commands--;
        unfollow();
        this.#attached.delete(command);
        for (const line of lines) line.destroy();
        listener?.remove();
      }
    });
  }

  /** Offers a peer's line to a command, which takes it over a separate local socket. */
  #offer(command: LocalSocket, relay: string, line: Line): void {
    if (this.#offered.size >= MAX_OFFERED) return line.close(BUSY, 'busy');
    const offer = String(this.#nextOffer++);
    const late = setTimeout(() => {
      this.#offered.delete(offer);
      line.close(STOPPED);
      line.drain();
    }, TAKE_MS);
    this.#offered.set(offer, { line, relay, late });
    const { peer, resource, protocol } = line;
    command.writeJson({ type: 'offer', offer, peer, resource, protocol });
  }

  async #give(local: LocalSocket, { command, offer }: TakeRequest): Promise<void> {
    const offered = this.#offered.get(offer);
    if (offered === undefined) return local.writeJson({ type: 'failed', code: 'closed', detail: 'it is gone' });
    this.#offered.delete(offer);
    clearTimeout(offered.late);
    await this.#at(offered.relay, () => this.#carry(local, command, offered.line));
  }

  #connect(local: LocalSocket, { command, relay, peer, resource, protocols }: ConnectRequest): Promise<void> {
    return this.#at(relay, async (station) => {
      const gone = new AbortController();
      const abort = (): void => gone.abort();
      local.socket.once('close', abort);
      try {
        await this.#carry(local, command, await station.connect(peer, { resource, protocols, signal: gone.signal }));
      } finally {
        local.socket.off('close', abort);
      }
    });
  }

  async #carry(local: LocalSocket, command: string, line: Line): Promise<void> {
    const { peer, resource, protocol } = line;
    local.writeJson({ type: 'opened', peer, resource, protocol });
    this.#lines.add(line);
    const lines = this.#attached.get(command);
    lines?.add(local);
    try {
      await carryLine(local, line);
    } finally {
      this.#lines.delete(line);
      lines?.delete(local);
    }
  }

  /** Runs `work` at a relay, and keeps the connection until it ends. */
  async #at(relay: string, work: (station: DirectStation, held: Held) => Promise<void>): Promise<void> {
    let held = this.#stations.get(relay);
    if (held === undefined) {
      if (this.#stations.size >= MAX_RELAYS)
        throw new SwsError('over-limits', `one identity can use at most ${MAX_RELAYS} relays at a time`);
      held = { station: new DirectStation(relay, this.#identity, this.#provider), users: 0, commands: 0 };
      this.#stations.set(relay, held);
    }
    held.users++;
    try {
      await work(held.station, held);
    } finally {
      held.users--;
      if (held.users === 0) {
        this.#stations.delete(relay);
        await held.station.close();
      }
    }
  }
}
