import { setTimeout as delay } from 'node:timers/promises';
import { SwsError } from '@sws/crypto';
import type { LocalSocket } from '../agent/local-socket.js';
import { type AgentAccess, reachAgent } from '../agent/reach-agent.js';
import { AGENT_LOST, AgentLine } from './agent-line.js';
import type { Line } from './line.js';
import type { ConnectTo, Filter, Listener, NewerPeer, Station, StationState } from './station.js';

/** How long peers may take to answer a close. */
const CLOSE_GRACE_MS = 2_000;
/** The delay between two attempts to start another agent. */
const RETRY_MS = 250;
/** The most attempts to reach another agent, because another program may have taken the identity. */
const MAX_ATTEMPTS = 60;

/** A station whose connection to the relay belongs to the identity's agent. A killed agent is replaced. */
export class AgentStation implements Station {
  readonly address: string;
  #url: string;
  readonly #relay: string;
  readonly #access: AgentAccess;
  readonly #lines = new Set<AgentLine>();
  readonly #followers = new Set<(state: StationState) => void>();
  readonly #onNewer = new Set<(newer: NewerPeer) => void>();
  #state: StationState = { state: 'connecting', failure: null };
  #filter: Filter | null = null;
  #onLine: (line: Line) => void = () => {};
  #control: LocalSocket | null = null;
  /** The agent's id for this command. When the command's control socket ends, its lines end too. */
  #command = '';
  #isClosed = false;

  private constructor(relay: string, address: string, access: AgentAccess) {
    this.#relay = relay;
    this.#url = relay;
    this.address = address;
    this.#access = access;
  }

  /** @throws SwsError if there is no agent and none can be started */
  static async open(relay: string, address: string, access: AgentAccess): Promise<AgentStation> {
    const station = new AgentStation(relay, address, access);
    await station.#attach();
    return station;
  }

  get url(): string {
    return this.#url;
  }

  async connect(peer: string, { resource, protocols, signal }: ConnectTo): Promise<Line> {
    const local = await reachAgent(this.#access);
    local.writeJson({ type: 'connect', command: this.#command, relay: this.#relay, peer, resource, protocols });
    const giveUp = (): void => local.destroy();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      return this.#keep(await AgentLine.open(local));
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  async listen(filter: Filter, onLine: (line: Line) => void): Promise<Listener> {
    this.#filter = filter;
    this.#onLine = onLine;
    await this.#attach();
    return {
      admit: (only) => {
        this.#filter = { ...filter, only };
        this.#control?.writeJson({ type: 'admit', only });
      },
    };
  }

  follow(listener: (state: StationState) => void, onNewer?: (newer: NewerPeer) => void): void {
    this.#followers.add(listener);
    if (onNewer !== undefined) this.#onNewer.add(onNewer);
    listener(this.#state);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closing = [...this.#lines].map((line) => {
      line.close(1000);
      line.drain();
      return line.closed;
    });
    const late = setTimeout(() => {
      for (const line of this.#lines) line.abandon();
    }, CLOSE_GRACE_MS);
    await Promise.all(closing);
    clearTimeout(late);
    this.#control?.destroy();
  }

  /**
   * Asks the agent for reports of the relay and, with a filter, of peers. Replaces an earlier request. @throws
   * SwsError
   */
  async #attach(): Promise<void> {
    const before = this.#control;
    const control = await reachAgent(this.#access);
    this.#control = control;
    before?.destroy();
    control.writeJson({ type: 'attach', relay: this.#relay, filter: this.#filter });
    const answer = await control.nextJson();
    if (answer?.type !== 'attached') {
      control.destroy();
      const { code, detail } = answer?.type === 'failed' ? answer : AGENT_LOST;
      throw new SwsError(String(code), String(detail));
    }
    this.#url = String(answer.url);
    this.#command = String(answer.command);
    void this.#hear(control);
  }

  async #hear(control: LocalSocket): Promise<void> {
    for (;;) {
      const said = await control.nextJson();
      if (this.#control !== control || this.#isClosed) return;
      if (said === null) return this.#replaceAgent();
      if (said.type === 'state') this.#tell({ state: said.state, failure: said.failure } as StationState);
      else if (said.type === 'newer')
        for (const tell of this.#onNewer) tell({ peer: String(said.peer), protocol: String(said.protocol) });
      else if (said.type === 'offer') void this.#take(said.offer);
      else if (said.type === 'stopped') {
        this.#isClosed = true;
        this.#tell({
          state: 'down',
          failure: { code: 'agent-lost', detail: 'the agent was stopped (sws agent stop)' },
        });
      }
    }
  }

  /** The agent was killed. Starts another one, and repeats the request. */
  async #replaceAgent(): Promise<void> {
    this.#tell({ state: 'reconnecting', failure: AGENT_LOST });
    for (let attempt = 1; !this.#isClosed; attempt++) {
      try {
        return await this.#attach();
      } catch (error) {
        const { code = 'failed', message } = error as Partial<SwsError> & Error;
        if (attempt >= MAX_ATTEMPTS) return this.#tell({ state: 'down', failure: { code, detail: message } });
        await delay(RETRY_MS);
      }
    }
  }

  async #take(offer: unknown): Promise<void> {
    try {
      const local = await reachAgent(this.#access);
      local.writeJson({ type: 'take', command: this.#command, offer });
      this.#onLine(this.#keep(await AgentLine.open(local)));
    } catch {
      // The peer or the agent has ended meanwhile.
    }
  }

  #keep(line: AgentLine): AgentLine {
    this.#lines.add(line);
    void line.closed.then(() => this.#lines.delete(line));
    return line;
  }

  #tell(state: StationState): void {
    // A new agent reports the same state again.
    if (state.state === this.#state.state && state.failure?.detail === this.#state.failure?.detail) return;
    this.#state = state;
    for (const listener of this.#followers) listener(state);
  }
}
