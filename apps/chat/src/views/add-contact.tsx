import { useSignal } from '@preact/signals';
import { Camera } from 'lucide';
import { useCallback } from 'preact/hooks';
import { addressIn } from '../address-link.js';
import type { Chat } from '../chat.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';
import { NameField } from './name-field.js';
import { QrScanner } from './qr-scanner.js';

/** Adds a contact by link or QR code, with a name of one's own for them. */
export function AddContact({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const link = useSignal('');
  const name = useSignal('');
  const problem = useSignal('');
  const scanning = useSignal(false);
  const warned = useSignal(false);
  const found = useCallback(
    (text: string): boolean => {
      const scanned = addressIn(text);
      if (scanned === null) return false;
      link.value = text;
      scanning.value = false;
      return true;
    },
    [link, scanning],
  );
  const add = (event: Event): void => {
    event.preventDefault();
    const wanted = addressIn(link.value);
    if (wanted === null) problem.value = 'This isn’t a link or an address. Paste the whole link.';
    else if (wanted === chat.identity.publicKey) problem.value = 'That is your own link: send it to someone else.';
    else if (!warned.value && chat.sameName(name.value, wanted) !== null) {
      warned.value = true;
      problem.value = `You know a ${name.value.trim()} under another key. Either they have a new key, or somebody else uses the name. Compare the security number before you trust it, or choose another name.`;
    } else {
      onClose();
      void chat.add(wanted, name.value.trim());
    }
  };
  return (
    <Dialog title="Add a contact" onClose={onClose}>
      <form class="fields" onSubmit={add}>
        {scanning.value ? (
          <>
            <QrScanner onFound={found} />
            <button type="button" class="text" onClick={() => (scanning.value = false)}>
              Paste the link instead
            </button>
          </>
        ) : (
          <>
            <label>
              Their link
              <input
                data-testid="add-link"
                value={link.value}
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => (link.value = event.currentTarget.value)}
              />
            </label>
            {navigator.mediaDevices !== undefined && (
              <button type="button" class="text" data-testid="scan" onClick={() => (scanning.value = true)}>
                <Icon of={Camera} /> Scan a QR code
              </button>
            )}
          </>
        )}
        <NameField
          name={name}
          label="Your name for them (optional, only you see it)"
          testId="add-name"
          onInput={() => (warned.value = false)}
        />
        {problem.value !== '' && (
          <p class="error" role="alert">
            {problem.value}
          </p>
        )}
        <p class="actions">
          <button type="submit" class="primary" data-testid="add">
            {warned.value ? 'Add anyway' : 'Start talking'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
