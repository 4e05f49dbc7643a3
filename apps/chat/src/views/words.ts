import type { EndpointState } from '@sws/client';
import { FAILURE_MEANINGS } from '@sws/protocol';
import { shortAddress } from '../address-link.js';
import type { ConnectionView } from '../chat.js';
import type { Conversation } from '../conversation.js';
import type { Contact, Message } from '../history.js';

/** What a contact is called here. */
export function nameOf({ name, address }: Contact): string {
  return name === '' ? shortAddress(address) : name;
}

export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

/** Today's times as times, others as dates. */
export function dayOf(at: number): string {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString()
    ? 'Today'
    : date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes as people say it, in powers of 1,000 as systems show file sizes. */
export function sizeWords(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const value = bytes / 1_000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

const CONNECTION: Record<EndpointState, string> = {
  connecting: 'Connecting …',
  waiting: 'Open in another tab',
  registered: 'Connected',
  reconnecting: 'Reconnecting',
  down: 'Not connected',
  closed: 'Not connected',
};

/** The connection to the relay, in words. */
export function connectionWords({ state, since, failure }: ConnectionView): string {
  if (failure === 'replaced') return 'Replaced by another device';
  if (state === 'reconnecting') return `Reconnecting since ${timeOf(since)} …`;
  if (state === 'down' && failure !== null && failure in FAILURE_MEANINGS)
    return `Not connected: ${FAILURE_MEANINGS[failure as keyof typeof FAILURE_MEANINGS].meaning}`;
  return CONNECTION[state];
}

/** A peer's presence, in words. */
export function presenceWords(conversation: Conversation, connection: ConnectionView): string {
  if (conversation.contact.value.status === 'blocked') return 'Blocked';
  if (connection.state !== 'registered') return 'Not connected to the relay';
  switch (conversation.link.presence.value) {
    case 'online':
      if (conversation.accepted.value === false) return 'Online, has not accepted you yet';
      return conversation.typing.value ? 'Writing …' : 'Online, end-to-end encrypted';
    case 'interrupted':
      return 'Not answering …';
    case 'offline':
      return 'Offline';
    case 'refused':
      return 'Takes no messages from you';
    default:
      return 'Calling …';
  }
}

/** How far a message of ours has come. */
export type Tick = 'queued' | 'sent' | 'delivered' | 'seen';

/** True ones: sent means said on a channel that is up; delivered, that the peer's disk has it; seen, that it was on its screen. */
export function tickOf(message: Message, conversation: Conversation): Tick {
  if (message.delivered) return message.seq <= conversation.contact.value.theySaw ? 'seen' : 'delivered';
  const up = conversation.link.presence.value === 'online';
  return up && conversation.outbox.underWay.value.has(message.id) ? 'sent' : 'queued';
}
