import { useSignal } from '@preact/signals';
import { Copy } from 'lucide';
import { useRef } from 'preact/hooks';
import { linkTo } from '../address-link.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';
import { QrCode } from './qr-code.js';

/** One's own link: as a QR code, and to copy. */
export function OwnLink({ address }: { address: string }) {
  const words = useSignal('Copy');
  const field = useRef<HTMLInputElement>(null);
  const link = linkTo(address);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link);
      words.value = 'Copied';
    } catch {
      // Without a secure context or permission there is no clipboard: the keyboard copies what is selected.
      field.current?.select();
      words.value = 'Selected';
    }
  };
  return (
    <>
      <QrCode text={link} label="QR code of your link" />
      <div class="copy">
        <input
          ref={field}
          aria-label="Your link"
          data-testid="own-link"
          readOnly
          autocomplete="off"
          value={link}
          onFocus={(event) => event.currentTarget.select()}
        />
        <button type="button" class="primary" data-testid="copy-link" onClick={() => void copy()}>
          <Icon of={Copy} /> {words.value}
        </button>
      </div>
    </>
  );
}

export function MyLink({ address, onClose }: { address: string; onClose: () => void }) {
  return (
    <Dialog title="My link" onClose={onClose}>
      <p class="hint">Anyone with this link can ask to talk to you. You decide who may.</p>
      <OwnLink address={address} />
    </Dialog>
  );
}
