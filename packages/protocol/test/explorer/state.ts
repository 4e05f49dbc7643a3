import type { Channel, ChannelEnd, ChannelTable } from '../../src/index.js';
import type { Action } from './scenario.js';

/** One process: its machines, its clock, and what its application has done and seen. */
export interface End {
  table: ChannelTable;
  channel: Channel | null;
  now: number;
  /** Random values drawn so far: secrets by themselves, so that how often an end has asked does not change its keys. */
  random: { secrets: number; others: number };
  connected: boolean;
  sent: string[];
  closeRequested: boolean;
  received: string[];
  /** Messages that the application has not taken. */
  unread: number;
  /** Connections announced, those of processes before a restart included. */
  opened: number;
  end: ChannelEnd | null;
}

/** A MESSAGE that the relay holds. */
export interface Flying {
  readonly to: number;
  readonly message: Uint8Array;
}

/** The state of a run; plain fields, so that it can be copied. */
export interface State {
  ends: [End, End];
  queue: Flying[];
  cuts: number;
  restarts: number;
  /** The last that each key has sealed. A step that seals puts another map here. */
  sealed: ReadonlyMap<string, { readonly nonce: string; readonly plaintext: string }>;
}

/** The end that an action changes. */
export function touched(state: State, action: Action): number | null {
  if ('end' in action) return action.end;
  const to = state.queue[action.index]?.to;
  if (to === undefined || action.type === 'drop') return null;
  return action.type === 'reflect' ? 1 - to : to;
}

/** What of a session's private fields the properties look at. */
export interface VisibleSession {
  readonly _outgoing: { readonly _acked: number };
  readonly _incoming: { readonly next: number };
  readonly _probe: { readonly _questions: readonly { readonly id: number }[] };
  readonly _keys: {
    readonly _lastReceived: { readonly epoch: number; readonly counter: number };
    readonly _epoch: number;
    readonly _root: Uint8Array;
    readonly _send: { readonly bytes: Uint8Array };
    readonly _receive: { readonly bytes: Uint8Array };
    readonly _sendControl: Uint8Array;
  };
}

export function sessionOf({ channel }: End): VisibleSession | null {
  const state = (channel as unknown as { _state: Partial<VisibleSession> | null } | null)?._state;
  return state?._keys === undefined ? null : (state as VisibleSession);
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
