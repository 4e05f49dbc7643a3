import { X } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import { navigation } from '../navigation.js';
import { Icon } from './icon.js';

/** A modal dialog: the browser's own keeps the focus inside, closes on Escape and gives the focus back. Back closes it, too. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  const title = useId();
  // Before it is painted: nobody sees, or presses Escape in, a dialog that is not open yet.
  useLayoutEffect(() => element.current?.showModal(), []);
  useEffect(() => navigation.dialog(() => element.current?.close()), []);
  return (
    <dialog ref={element} aria-labelledby={title} onClose={props.onClose}>
      <header>
        <h2 id={title}>{props.title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => element.current?.close()}>
          <Icon of={X} />
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** Asks before something that can't be undone: each button says what happens. */
export function Confirm(props: {
  title: string;
  text: string;
  actions: readonly { readonly words: string; readonly run: () => void }[];
  onClose: () => void;
}) {
  const last = props.actions.length - 1;
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <p>{props.text}</p>
      <p class="actions">
        <button type="button" onClick={props.onClose}>
          Cancel
        </button>
        {props.actions.map(({ words, run }, index) => (
          <button
            key={words}
            type="button"
            class={index === last ? 'danger' : ''}
            onClick={() => {
              props.onClose();
              run();
            }}
          >
            {words}
          </button>
        ))}
      </p>
    </Dialog>
  );
}
