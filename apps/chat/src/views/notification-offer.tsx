import type { Chat } from '../chat.js';

/** Asks in the page first: the browser's own question comes after a press, and says nothing of what it is for. */
export function NotificationOffer({ chat }: { chat: Chat }) {
  return (
    <div class="offer">
      <p>Get notifications while this page is in the background? Once it’s closed, there are none.</p>
      <p class="actions">
        <button type="button" class="text quiet" onClick={() => void chat.letNotify(false)}>
          Not now
        </button>
        <button type="button" class="text" onClick={() => void chat.letNotify(true)}>
          Notify me
        </button>
      </p>
    </div>
  );
}
