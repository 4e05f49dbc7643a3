import type { EndpointState } from '@sws/client';
import type { ConnectionView } from '../chat.js';
import type { Conversation } from '../conversation.js';
import type { Message, Profile } from '../history.js';

/** The page speaks English: so do its dates, in the reader's kind of it if that is what they read. */
const LOCALE = navigator.languages.find((language) => language.startsWith('en')) ?? 'en-GB';
// Made once: a formatter costs a thousand times as much as what it formats.
const TIME = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit' });
const WEEKDAY = new Intl.DateTimeFormat(LOCALE, { weekday: 'long' });
const DATE = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short' });
const LONG_DATE = new Intl.DateTimeFormat(LOCALE, { weekday: 'long', day: 'numeric', month: 'long' });
const YEAR_DATE = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric' });

export function timeOf(at: number): string {
  return TIME.format(at);
}

/** The midnight that a day begins with, `days` before today. */
function midnight(days: number): number {
  const today = new Date();
  return new Date(today.getFullYear(), today.getMonth(), today.getDate() - days).getTime();
}

/** The day of a time, as a heading. */
export function dayOf(at: number): string {
  if (at >= midnight(0)) return 'Today';
  if (at >= midnight(1)) return 'Yesterday';
  return new Date(at).getFullYear() === new Date().getFullYear() ? LONG_DATE.format(at) : YEAR_DATE.format(at);
}

/** Today's times as times, others as days and dates: for the list. */
export function shortDayOf(at: number): string {
  if (at >= midnight(0)) return timeOf(at);
  if (at >= midnight(1)) return 'Yesterday';
  if (at >= midnight(6)) return WEEKDAY.format(at);
  return new Date(at).getFullYear() === new Date().getFullYear() ? DATE.format(at) : YEAR_DATE.format(at);
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** A number of things. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** A number of bytes as people say it, in powers of 1,000 as systems show file sizes. */
export function sizeWords(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const value = bytes / 1_000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

const CONNECTION: Record<EndpointState, string> = {
  connecting: 'Connecting…',
  waiting: 'Open in another tab',
  registered: 'Connected',
  reconnecting: 'Reconnecting',
  down: 'Not connected',
  closed: 'Not connected',
};

/** Why the page does not come back by itself. The protocol's own words are for other people, and many. */
const DOWN: Readonly<Record<string, string>> = {
  forbidden: 'this relay does not let you in',
  'registration-refused': 'the relay could not verify that this address is yours',
  'wrong-server-key': 'this relay’s key has changed',
  'bad-frame': 'the relay and this page do not understand each other',
};

/** The connection to the relay, in words. */
export function connectionWords({ state, since, failure }: ConnectionView): string {
  if (failure === 'replaced') return 'Paused';
  if (state === 'reconnecting') return `Reconnecting since ${timeOf(since)}…`;
  const reason = state === 'down' && failure !== null ? DOWN[failure] : undefined;
  return reason === undefined ? CONNECTION[state] : `${CONNECTION.down}: ${reason}`;
}

/** A peer's presence, in words. */
export function presenceWords(conversation: Conversation, connection: ConnectionView): string {
  if (conversation.contact.value.status === 'blocked') return 'Blocked';
  if (connection.state !== 'registered') return 'Not connected';
  switch (conversation.link.presence.value) {
    case 'online':
      if (conversation.accepted.value === false) return 'Online, hasn’t accepted you yet';
      return conversation.typing.shown.value ? 'Writing…' : 'Online';
    case 'interrupted':
      return 'Not answering…';
    case 'offline':
      return 'Offline';
    case 'refused':
      return 'Doesn’t accept your messages';
    default:
      return 'Calling…';
  }
}

/** How far a message of ours has come. */
export type Tick = 'queued' | 'sent' | 'delivered' | 'seen';

/** True ones: sent means said on a channel that is up; delivered, that the peer's disk has it; seen, that it was on its screen. */
export function tickOf(message: Message, conversation: Conversation): Tick {
  if (message.delivered) return message.seq <= conversation.theySaw.value ? 'seen' : 'delivered';
  const up = conversation.link.presence.value === 'online';
  return up && conversation.outbox.underWay.value.has(message.id) ? 'sent' : 'queued';
}

/** A key never changes under one address; `changed` means that this name stood for another address before. */
export function trustOf({ verified, formerly }: Profile): 'verified' | 'changed' | 'not verified' {
  if (verified) return 'verified';
  return formerly === null ? 'not verified' : 'changed';
}
