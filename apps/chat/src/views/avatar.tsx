import type { Profile } from '../history.js';

const TONES = 10;

/** A picture of a contact: a letter of its name, or four characters of its address, in a colour of its key. */
export function Avatar(props: { name: string; address: string; size?: 'small' | 'large'; online?: boolean }) {
  const { name, address, size = '', online = false } = props;
  const letter = Array.from(name.trim())[0]?.toUpperCase();
  const key = letter === undefined ? 'key' : '';
  return (
    <span
      class={`avatar ${key} ${size} ${online ? 'online' : ''}`}
      data-tone={Number.parseInt(address.slice(0, 2), 16) % TONES}
      aria-hidden="true"
    >
      {letter ?? `${address.slice(0, 2)}\n${address.slice(2, 4)}`}
    </span>
  );
}

/** A contact's name; somebody without one is "unknown", with four characters of the address. */
export function Name({ contact, says = '' }: { contact: Profile; says?: string }) {
  if (contact.name !== '') return <bdi class="one-line">{contact.name}</bdi>;
  // What they call themselves is in quotes: anybody can say it.
  if (says !== '') return <bdi class="one-line unnamed">“{says}”</bdi>;
  return (
    <span class="one-line unnamed">
      unknown <code>{contact.address.slice(0, 4)}…</code>
    </span>
  );
}
