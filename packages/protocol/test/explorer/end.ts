import type { Channel, ChannelEnd, ChannelTable } from '../../src/index.js';
import type { Flight as AnyFlight } from './any-flight.js';

/** One process: its machines, its clock, and what its application has done and seen. Plain fields, so that it can be copied. */
export interface End {
  table: ChannelTable;
  channel: Channel | null;
  now: number;
  /** Random values drawn so far: secrets by themselves, so that how often an end has asked does not change its keys. */
  random: { secrets: number; others: number };
  connected: boolean;
  /** Connections that it has lost, and times that its process began again. */
  cuts: number;
  timers: number;
  restarts: number;
  /** Frames forged under stolen keys that it has taken notice of. */
  forgeries: number;
  sent: string[];
  closeRequested: boolean;
  received: string[];
  /** Messages that the application has not taken. */
  unread: number;
  /** Connections announced, those of processes before a restart included. */
  opened: number;
  end: ChannelEnd | null;
  /** The last that each key has sealed. */
  sealed: Map<string, { readonly nonce: string; readonly plaintext: string }>;
}

/** The private fields of a session that the search looks at. */
export interface VisibleSession {
  readonly _outgoing: { readonly _acked: number; readonly _sealed: number };
  readonly _incoming: { readonly next: number };
  readonly _controls: {
    readonly probe: { readonly _questions: readonly { id: number }[] };
    readonly _queue: { readonly _answers: readonly { id: number }[]; _recent: Uint8Array[] };
  };
  readonly _keys: {
    _lastReceived: { readonly epoch: number; readonly counter: number };
    readonly _epoch: number;
    readonly _next: unknown;
    readonly _root: Uint8Array;
    readonly _send: { readonly bytes: Uint8Array };
    readonly _receive: { readonly bytes: Uint8Array };
    readonly _sendControl: Uint8Array;
    readonly _receiveControl: Uint8Array;
  };
}

function sessionIn(channel: Channel | null): VisibleSession | null {
  const phase = (channel as unknown as { _phase: Partial<VisibleSession> } | null)?._phase;
  return phase?._keys === undefined ? null : (phase as VisibleSession);
}

/** That of the channel which has been announced. */
export function sessionOf({ channel }: End): VisibleSession | null {
  return sessionIn(channel);
}

/** The one channel there is, announced or not. */
export function channelOf({ table }: End): Channel | null {
  const { _channels } = table as unknown as { readonly _channels: { all(): readonly Channel[] } };
  const [channel = null, another] = _channels.all();
  if (another !== undefined) throw new Error('a search has one channel');
  return channel;
}

/** That of the one channel there is. */
export function anySessionOf(end: End): VisibleSession | null {
  return sessionIn(channelOf(end));
}

/** What its channel has under way, once there is one. */
export function flightOf(end: End): AnyFlight | null {
  const { _paths } = end.table as unknown as {
    readonly _paths: { readonly _paths: ReadonlyMap<string, { readonly flight: AnyFlight }> };
  };
  for (const { flight } of _paths._paths.values()) return flight;
  return null;
}

/** Whether it has completed a rekey: the keys of epoch 0 are gone. */
export function hasRekeyed(end: End): boolean {
  const keys = anySessionOf(end)?._keys;
  return keys !== undefined && keys._epoch > 0 && keys._next === null;
}

/** For a person. */
export function summary({ channel, sent, received, end, connected }: End) {
  return {
    phase: channel?.phase ?? null,
    sent,
    received,
    connected,
    end: end?.failure?.code ?? end?.code ?? null,
  };
}
