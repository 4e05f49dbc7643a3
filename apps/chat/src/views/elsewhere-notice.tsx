import type { Chat } from '../chat.js';
import { becomeNextPerson } from '../person.js';

/** Shown while another tab of this browser is connected as the same person; when that one closes, this one goes on. */
export function ElsewhereNotice({ chat }: { chat: Chat }) {
  const becomeSomebodyElse = (): void => {
    becomeNextPerson();
    location.reload();
  };
  return (
    <main class="centre alone">
      <h1>Open in another tab</h1>
      <p class="faint">Only one window at a time can be connected as you.</p>
      <p class="actions">
        <button type="button" class="primary" data-testid="use-here" onClick={() => chat.takeOver()}>
          Use here
        </button>
        <button type="button" class="text quiet" data-testid="second-person" onClick={becomeSomebodyElse}>
          Continue here as a second person
        </button>
      </p>
      <p class="hint">
        A second person has an address, contacts and messages of their own: good for trying the chat alone.
      </p>
    </main>
  );
}
