/** The page opens without a network, too: a service worker keeps its shell (`workers/service-worker.ts`). */
export function registerOffline(): void {
  if (import.meta.env.DEV || navigator.serviceWorker === undefined) return;
  navigator.serviceWorker.register('/service-worker.js', { updateViaCache: 'none' }).catch(() => {
    // Private windows may refuse; the page works without.
  });
}
