import { type Signal, useSignal } from '@preact/signals';
import { backUp, restore } from '../backup.js';
import type { Chat } from '../chat.js';
import { saveFile } from '../save-file.js';
import { Dialog } from './dialog.js';

/** A passphrase shorter than this is refused for a backup: whoever has the file may guess as long as they like. */
const MIN_PASSPHRASE_LENGTH = 8;

function problemWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'wrong-passphrase') return 'That passphrase is wrong.';
  if (code === 'sealed-malformed') return 'That file is not a backup of this chat.';
  return error instanceof Error ? error.message : 'Something went wrong.';
}

function Passphrase({ label, testId, value }: { label: string; testId: string; value: Signal<string> }) {
  return (
    <label>
      {label}
      <input
        type="password"
        autocomplete="off"
        data-testid={testId}
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
    </label>
  );
}

/** Saves a backup. */
export function BackUp({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const passphrase = useSignal('');
  const words = useSignal('');
  const busy = useSignal(false);
  const part = useSignal<number | null>(null);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (passphrase.value.length < MIN_PASSPHRASE_LENGTH) {
      words.value = `Use at least ${MIN_PASSPHRASE_LENGTH} characters, or better, four words that nobody would guess.`;
      return;
    }
    busy.value = true;
    words.value = 'Sealing…';
    part.value = 0;
    try {
      const sealed = backUp(chat.identity, chat.history, passphrase.value, (done) => (part.value = done));
      const isSaved = await saveFile(sealed, `sws-chat-${chat.identity.publicKey.slice(0, 8)}.backup`);
      words.value = isSaved ? 'Saved. Anyone with the file and the passphrase can act as you.' : '';
      if (isSaved) passphrase.value = '';
    } catch (error) {
      words.value = problemWords(error);
    }
    part.value = null;
    busy.value = false;
  };
  return (
    <Dialog title="Save a backup" onClose={onClose}>
      <form class="fields" onSubmit={(event) => void save(event)}>
        <p>
          Your identity, contacts and messages, sealed with a passphrase. It has no files: save those you want to keep.
        </p>
        <Passphrase label="Passphrase for the backup" testId="backup-passphrase" value={passphrase} />
        {part.value !== null && <progress aria-label="Progress of the backup" value={part.value} />}
        <p class="actions">
          <span role="status">{words.value}</span>
          <button type="submit" class="primary" disabled={busy.value} data-testid="backup">
            Save backup
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** Becomes who a backup says. */
export function Restore({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const passphrase = useSignal('');
  const file = useSignal<File | null>(null);
  const words = useSignal('');
  const part = useSignal<number | null>(null);
  const open = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (file.value === null) {
      words.value = 'Choose the backup file first.';
      return;
    }
    words.value = 'Opening…';
    try {
      part.value = 0;
      // Under the old identity nothing is sent any more; until the page begins anew, with the restored one.
      const leave = (): Promise<void> => chat.close();
      await restore(chat.identity, file.value, passphrase.value, (done) => (part.value = done), leave);
      history.replaceState(null, '', '/');
      location.reload();
    } catch (error) {
      words.value = problemWords(error);
      part.value = null;
    }
  };
  return (
    <Dialog title="Restore a backup" onClose={onClose}>
      <form class="fields" onSubmit={(event) => void open(event)}>
        <p>
          Use your identity from another device here. The identity in this browser is erased. Only the device that
          connected last is online.
        </p>
        <label>
          Backup file
          <input
            type="file"
            autocomplete="off"
            data-testid="restore-file"
            onChange={(event) => (file.value = event.currentTarget.files?.[0] ?? null)}
          />
        </label>
        <Passphrase label="Its passphrase" testId="restore-passphrase" value={passphrase} />
        {part.value !== null && <progress aria-label="Progress of the restoration" value={part.value} />}
        <p class="actions">
          <span role="alert">{words.value}</span>
          <button type="submit" class="primary" disabled={part.value !== null} data-testid="restore">
            Restore
          </button>
        </p>
      </form>
    </Dialog>
  );
}
