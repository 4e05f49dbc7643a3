import { useSignal } from '@preact/signals';
import type { Chat } from '../chat.js';
import { backUp, moveToNewAddress, restore, startOver } from '../person.js';
import { saveFile } from '../save-file.js';
import { Confirm, Dialog } from './dialog.js';

/** A passphrase shorter than this is refused for a backup: whoever has the file may guess as long as they like. */
const MIN_PASSPHRASE_LENGTH = 8;

function problemWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'wrong-passphrase') return 'The passphrase is not the one that it was sealed with.';
  if (code === 'sealed-malformed') return 'That is no backup of this chat.';
  return error instanceof Error ? error.message : 'It did not work.';
}

/** Who one is here: to back up, bring to another device, or leave behind. */
export function IdentityDialog({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  return (
    <Dialog title="You" onClose={onClose}>
      <h3>Your address</h3>
      <p class="address">
        <code data-testid="own-address">{chat.identity.publicKey}</code>
      </p>
      <p class="hint">
        It is kept, with all you write, in this browser. Clearing the site’s data loses it: make a backup.
      </p>
      <BackUp chat={chat} />
      <Restore chat={chat} />
      <StartOver chat={chat} />
    </Dialog>
  );
}

function BackUp({ chat }: { chat: Chat }) {
  const passphrase = useSignal('');
  const words = useSignal('');
  const busy = useSignal(false);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (passphrase.value.length < MIN_PASSPHRASE_LENGTH) {
      words.value = `At least ${MIN_PASSPHRASE_LENGTH} characters: better, four words that nobody would guess.`;
      return;
    }
    busy.value = true;
    words.value = 'Sealing …';
    try {
      const text = await backUp(chat.identity, chat.history, passphrase.value);
      await saveFile(new Blob([text], { type: 'text/plain' }), `sws-chat-${chat.identity.publicKey.slice(0, 8)}.txt`);
      words.value = 'Saved. Whoever has the file and the passphrase is you.';
      passphrase.value = '';
    } catch (error) {
      words.value = problemWords(error);
    }
    busy.value = false;
  };
  return (
    <form onSubmit={(event) => void save(event)}>
      <h3>Back up</h3>
      <p>Your identity and your contacts, sealed with a passphrase. Messages are not in it.</p>
      <label>
        Passphrase for the backup
        <input
          type="password"
          autocomplete="new-password"
          data-testid="backup-passphrase"
          value={passphrase.value}
          onInput={(event) => (passphrase.value = event.currentTarget.value)}
        />
      </label>
      <p class="actions">
        <span role="status">{words.value}</span>
        <button type="submit" class="quiet" disabled={busy.value} data-testid="backup">
          Save a backup
        </button>
      </p>
    </form>
  );
}

function Restore({ chat }: { chat: Chat }) {
  const passphrase = useSignal('');
  const file = useSignal<File | null>(null);
  const words = useSignal('');
  const open = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (file.value === null) {
      words.value = 'Choose the backup file first.';
      return;
    }
    words.value = 'Opening …';
    try {
      const text = await file.value.text();
      // Under the old identity nothing is sent any more; until the page begins anew, with the restored one.
      await restore(chat.identity, text, passphrase.value, () => chat.close());
      location.reload();
    } catch (error) {
      words.value = problemWords(error);
    }
  };
  return (
    <form onSubmit={(event) => void open(event)}>
      <h3>Restore</h3>
      <p>
        Become, in this browser, who you are on another device. Who you are here now is erased. The devices take turns:
        the newest is connected.
      </p>
      <label>
        Backup file
        <input
          type="file"
          accept="text/plain,.txt"
          data-testid="restore-file"
          onChange={(event) => (file.value = event.currentTarget.files?.[0] ?? null)}
        />
      </label>
      <label>
        Its passphrase
        <input
          type="password"
          autocomplete="off"
          data-testid="restore-passphrase"
          value={passphrase.value}
          onInput={(event) => (passphrase.value = event.currentTarget.value)}
        />
      </label>
      <p class="actions">
        <span role="alert">{words.value}</span>
        <button type="submit" class="quiet" data-testid="restore">
          Restore
        </button>
      </p>
    </form>
  );
}

function StartOver({ chat }: { chat: Chat }) {
  const asking = useSignal<'move' | 'over' | null>(null);
  const go = async (): Promise<void> => {
    if (asking.value === 'move') await moveToNewAddress(chat.identity, chat.history, () => chat.close());
    else await startOver(chat.identity, () => chat.close());
    location.reload();
  };
  return (
    <>
      <h3>Start over</h3>
      <p>
        A new address tells your contacts, in words signed by the old one; they are asked, and should compare the
        security number anew. Starting over tells nobody.
      </p>
      <p class="actions">
        <button type="button" class="quiet" data-testid="move" onClick={() => (asking.value = 'move')}>
          New address
        </button>
        <button type="button" class="danger" data-testid="start-over" onClick={() => (asking.value = 'over')}>
          Start over
        </button>
      </p>
      {asking.value !== null && (
        <Confirm
          title={asking.value === 'move' ? 'Take a new address?' : 'Start over?'}
          text={
            asking.value === 'move'
              ? 'The contacts stay, and learn the new address when both of you are online. Messages and files are erased, and the old address is gone.'
              : 'Your address, contacts, messages and files are erased from this browser. Without a backup the address is gone for good.'
          }
          action={asking.value === 'move' ? 'Take a new address' : 'Erase all'}
          onYes={() => void go()}
          onClose={() => (asking.value = null)}
        />
      )}
    </>
  );
}
