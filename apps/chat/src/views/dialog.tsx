import { X } from 'lucide-preact';
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

/** A modal dialog: the browser's own keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  const title = useId();
  // Before it is painted: nobody sees, or presses Escape in, a dialog that is not open yet.
  useLayoutEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-labelledby={title} onClose={props.onClose}>
      <header class="dialog-title">
        <h2 id={title}>{props.title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => element.current?.close()}>
          <X aria-hidden="true" />
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** Asks before something that can't be undone. */
export function Confirm(props: {
  title: string;
  text: string;
  action: string;
  onYes: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <p>{props.text}</p>
      <p class="actions">
        <button type="button" class="quiet" onClick={props.onClose}>
          Keep
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            props.onYes();
            props.onClose();
          }}
        >
          {props.action}
        </button>
      </p>
    </Dialog>
  );
}
