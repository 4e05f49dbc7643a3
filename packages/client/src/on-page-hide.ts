type Listener = (event: { readonly persisted: boolean }) => void;

/** The target of page events. Workers, Node and others have none. */
interface PageEvents {
  addEventListener?(type: 'pagehide', listener: Listener): void;
  removeEventListener?(type: 'pagehide', listener: Listener): void;
}

/**
 * Calls `action` when the page goes away for good. Returns a function that cancels it. A page in the back-forward cache
 * may come back and resume.
 */
export function onPageHide(action: () => void): () => void {
  const page: PageEvents = globalThis;
  const listener: Listener = ({ persisted }) => {
    if (!persisted) action();
  };
  page.addEventListener?.('pagehide', listener);
  return () => page.removeEventListener?.('pagehide', listener);
}
