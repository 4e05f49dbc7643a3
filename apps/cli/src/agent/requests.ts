import type { Filter } from '../station/station.js';

/** The request of a command to the agent: the first frame after the greeting. */
export type Request =
  | { readonly type: 'status' }
  | { readonly type: 'stop' }
  | AttachRequest
  | ConnectRequest
  | TakeRequest;

/** Asks for reports of the relay's state and, with a filter, of peers that connect, while the command runs. */
export interface AttachRequest {
  readonly type: 'attach';
  readonly relay: string;
  readonly filter: Filter | null;
}

/** Takes the line of a peer that has connected. */
export interface TakeRequest {
  readonly type: 'take';
  /** The command's id, from the agent's answer `attached`. */
  readonly command: string;
  readonly offer: string;
}

/** Opens a line to a peer. */
export interface ConnectRequest {
  readonly type: 'connect';
  /** The command's id, from the agent's answer `attached`. */
  readonly command: string;
  readonly relay: string;
  readonly peer: string;
  readonly resource: string;
  readonly protocols: readonly string[];
}

/** The status of the agent. */
export interface AgentStatus {
  readonly type: 'status';
  readonly pid: number;
  readonly address: string;
  /** The name of the agent's crypto provider. */
  readonly provider: string;
  readonly upSeconds: number;
  readonly relays: readonly { readonly url: string; readonly state: string; readonly commands: number }[];
  /** The number of open channels. */
  readonly channels: number;
}

type Members = Readonly<Record<string, unknown>>;

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function readFilter(value: unknown): Filter | null {
  const { protocols, resources, only, exclusive } = { ...(value as Members) };
  const isList = (list: unknown): list is string[] | null => list === null || isTexts(list);
  if (!isTexts(protocols) || !isList(resources) || !isList(only)) return null;
  return { protocols, resources, only, exclusive: exclusive === true };
}

/** Reads a request; `null` if it is invalid. */
export function readRequest(value: Members | null): Request | null {
  const { type, relay, filter, peer, resource, protocols, offer, command } = value ?? {};
  if (type === 'status' || type === 'stop') return { type };
  if (type === 'take') return isText(offer) && isText(command) ? { type, command, offer } : null;
  if (!isText(relay)) return null;
  if (type === 'attach') {
    const read = filter === null ? null : readFilter(filter);
    return filter !== null && read === null ? null : { type, relay, filter: read };
  }
  if (type !== 'connect' || !isText(command) || !isText(peer) || !isText(resource) || !isTexts(protocols)) return null;
  return { type, command, relay, peer, resource, protocols };
}

/** Reads the keys that a command accepts from now on; `undefined` for another frame. */
export function readOnly({ type, only }: Members): readonly string[] | null | undefined {
  return type === 'admit' && (only === null || isTexts(only)) ? only : undefined;
}
