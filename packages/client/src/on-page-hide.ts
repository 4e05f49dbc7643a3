type Listener = (event: { readonly persisted: boolean }) => void;

/** Where pages come and go; workers, Node and others have no such event. */
interface PageEvents {
  addEventListener?(type: 'pagehide', listener: Listener): void;
  removeEventListener?(type: 'pagehide', listener: Listener): void;
}

/** Does `action` when the page goes away for good; returns how to call it off. One that is only put aside (the back-forward cache) may come back and resume. */
export function onPageHide(action: () => void): () => void {
  const page: PageEvents = globalThis;
  const listener: Listener = ({ persisted }) => {
    if (!persisted) action();
  };
  page.addEventListener?.('pagehide', listener);
  return () => page.removeEventListener?.('pagehide', listener);
}
