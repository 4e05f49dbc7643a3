import { signal } from '@preact/signals';

/** A new version waits to be taken. */
export const updateReady = signal(false);

let waiting: ServiceWorker | null = null;

/** Takes the new version: it goes to work, and the page begins anew with it. */
export function takeUpdate(): void {
  waiting?.postMessage('take over');
}

/** After one reload for a part that can't be loaded, the next one waits: the relay may be away. */
const RELOAD_MS = 30_000;
const RELOADED = 'sws.chat reloaded';

/** Whether the page is being left: what it was loading breaks off then. */
let leaving = false;

/** A part of a build is gone from the server: the page begins anew, with the build that is there. */
function beginAnew(): void {
  if (leaving) return;
  const { timeOrigin } = performance;
  if (timeOrigin - Number(sessionStorage.getItem(RELOADED) ?? 0) < RELOAD_MS) return;
  sessionStorage.setItem(RELOADED, String(timeOrigin));
  location.reload();
}

async function register(): Promise<void> {
  const registration = await navigator.serviceWorker.register('/service-worker.js', { updateViaCache: 'none' });
  const look = (): void => {
    waiting = registration.waiting;
    // The first version of all has nothing to replace.
    updateReady.value = waiting !== null && navigator.serviceWorker.controller !== null;
  };
  look();
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', look);
  });
  let controlled = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (controlled) location.reload();
    controlled = true;
  });
}

/** The page opens without a network, too: a service worker keeps its shell (`workers/service-worker.ts`). */
export function registerOffline(): void {
  if (import.meta.env.DEV || navigator.serviceWorker === undefined) return;
  window.addEventListener('beforeunload', () => {
    leaving = true;
  });
  window.addEventListener('vite:preloadError', beginAnew);
  register().catch(() => {
    // Private windows may refuse; the page works without.
  });
}
