import type { Line } from './line.js';

/** The state at the relay, like an endpoint's, and the reason. */
export interface StationState {
  readonly state: 'connecting' | 'waiting' | 'registered' | 'reconnecting' | 'down' | 'closed';
  readonly failure: { readonly code: string; readonly detail: string } | null;
}

/** A peer that asked for a newer subprotocol than this program has. */
export interface NewerPeer {
  readonly peer: string;
  readonly protocol: string;
}

/** Which connections of peers a command accepts. */
export interface Filter {
  /** The subprotocols, the preferred one first; an empty string stands for a peer that offers none. */
  readonly protocols: readonly string[];
  /** The paths; `null` for any that no other command takes. */
  readonly resources: readonly string[] | null;
  /** The accepted keys; `null` for everyone. */
  readonly only: readonly string[] | null;
  /** Whether another command with the same protocol and path is refused. */
  readonly exclusive: boolean;
}

/** Accepts peers for a command. */
export interface Listener {
  /** Accepts only these keys from now on; `null` for everyone. */
  admit(only: readonly string[] | null): void;
}

export interface ConnectTo {
  readonly resource: string;
  readonly protocols: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** One identity at one relay, which can connect and accept connections. */
export interface Station {
  /** This identity's address, and the URL of its relay, to which an address is appended. */
  readonly address: string;
  readonly url: string;
  /** Opens a line. The caller must read at once. @throws SwsError */
  connect(peer: string, to: ConnectTo): Promise<Line>;
  /** Accepts connections of peers. Call it once per station. @throws SwsError `already-listening` */
  listen(filter: Filter, onLine: (line: Line) => void): Promise<Listener>;
  /** Calls `listener` with the present state, and at each change; `onNewer` once for each newer subprotocol. */
  follow(listener: (state: StationState) => void, onNewer?: (newer: NewerPeer) => void): void;
  /** Closes every line, waiting at most 2 s for the peers' answers. */
  close(): Promise<void>;
}

/** Returns the subprotocol that a filter chooses from those that a peer offers; `null` if it accepts none. */
export function chosenProtocol({ protocols }: Filter, offered: readonly string[]): string | null {
  return protocols.find((one) => (one === '' ? offered.length === 0 : offered.includes(one))) ?? null;
}

/** Returns the offered subprotocol that is a later version of one of ours; `undefined` if there is none. */
export function newerProtocol(offered: readonly string[]): string | undefined {
  return offered.find((one) => Number(/^sws\.(?:tunnel|files)\.v([1-9]\d{0,3})$/.exec(one)?.[1]) > 1);
}

/** Whether two commands would accept the same connections, and one of them is exclusive. */
export function areInConflict(one: Filter, other: Filter): boolean {
  const [paths, others] = [one, other].map(({ resources }) => resources ?? ['/']);
  return (
    (one.exclusive || other.exclusive) &&
    one.protocols.some((protocol) => other.protocols.includes(protocol)) &&
    paths?.some((path) => others?.includes(path)) === true
  );
}
