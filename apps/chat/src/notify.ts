import type { Settings } from './settings.js';

/**
 * Shows that something has come while nobody looks at the page. A page that is closed shows nothing: there is no server
 * that could wake it.
 */
export function notify(settings: Settings, name: string, text: string): void {
  if (!settings.notifications || document.hasFocus() || globalThis.Notification?.permission !== 'granted') return;
  const title = settings.notificationText && name !== '' ? name : 'SWS chat';
  const body = settings.notificationText ? text.slice(0, 200) : 'New message';
  try {
    // One at a time: the newest takes the place of the one before.
    const shown = new Notification(title, { body, icon: '/icon-192.png', tag: 'sws-chat' });
    shown.onclick = () => window.focus();
  } catch {
    // Where only a service worker may show one (Android).
    void navigator.serviceWorker?.ready.then((worker) =>
      worker.showNotification(title, { body, icon: '/icon-192.png', tag: 'sws-chat' }),
    );
  }
}

/** Whether the browser might show notifications if the reader were asked. */
export function canAskToNotify(): boolean {
  return 'Notification' in globalThis && Notification.permission !== 'denied';
}

/** Whether the browser shows notifications; it asks the reader where it does not know, which must follow a press. */
export async function askToNotify(): Promise<boolean> {
  return canAskToNotify() && (await Notification.requestPermission()) === 'granted';
}

/** Tells how many messages are unread outside of the page: in its title, and on the installed page's icon. */
export function tellUnread(unread: number): void {
  document.title = unread === 0 ? 'SWS chat' : `(${unread}) SWS chat`;
  if (navigator.setAppBadge === undefined) return;
  void (unread === 0 ? navigator.clearAppBadge() : navigator.setAppBadge(unread)).catch(() => {});
}
