import { useSignal } from '@preact/signals';
import { Copy, Share2 } from 'lucide-preact';
import { useRef } from 'preact/hooks';
import { linkTo } from '../address-link.js';
import { Dialog } from './dialog.js';
import { QrCode } from './qr-code.js';

/** One's own link: as a QR code, to copy, to share. */
export function MyLink({ address, onClose }: { address: string; onClose: () => void }) {
  const copied = useSignal('');
  const field = useRef<HTMLInputElement>(null);
  const link = linkTo(address);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link);
      copied.value = 'Copied';
    } catch {
      // Without a secure context or permission there is no clipboard.
      field.current?.select();
      copied.value = 'Selected: copy it with the keyboard';
    }
  };
  return (
    <Dialog title="My link" onClose={onClose}>
      <p>Whoever has it can ask to talk to you. Nothing of theirs is shown before you accept.</p>
      <QrCode text={link} label="QR code of your link" />
      <label>
        Link
        <input
          ref={field}
          data-testid="own-link"
          readOnly
          value={link}
          onFocus={(event) => event.currentTarget.select()}
        />
      </label>
      <p class="actions">
        <span role="status">{copied.value}</span>
        {navigator.share !== undefined && (
          <button type="button" class="quiet" onClick={() => void navigator.share({ url: link }).catch(() => {})}>
            <Share2 aria-hidden="true" size={18} /> Share
          </button>
        )}
        <button type="button" data-testid="copy-link" onClick={() => void copy()}>
          <Copy aria-hidden="true" size={18} /> Copy
        </button>
      </p>
    </Dialog>
  );
}
