import type { History } from './history.js';

const NOTE = 'settings';

/** What one has chosen, kept sealed. */
export interface Settings {
  /** One's own name, sent to those whom one asks. */
  readonly name: string;
  /** Whether others learn what one has seen; if not, one does not learn it of them. */
  readonly receipts: boolean;
  readonly typing: boolean;
  readonly notifications: boolean;
  readonly notificationText: boolean;
  /** Whether notifications were offered, and answered. */
  readonly notificationsAnswered: boolean;
}

const DEFAULTS: Settings = {
  name: '',
  receipts: true,
  typing: true,
  notifications: false,
  notificationText: false,
  notificationsAnswered: false,
};

export async function loadSettings(history: History): Promise<Settings> {
  return { ...DEFAULTS, ...(await history.note<Partial<Settings>>(NOTE)) };
}

export async function saveSettings(history: History, settings: Settings): Promise<void> {
  await history.putNote(NOTE, settings);
}
