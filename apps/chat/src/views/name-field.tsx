import type { Signal } from '@preact/signals';

/** Where people write what they call a contact: only they see it. */
export function NameField(props: {
  readonly name: Signal<string>;
  readonly label: string;
  readonly testId: string;
  readonly onInput?: () => void;
}) {
  const { name, label, testId, onInput } = props;
  return (
    <label>
      {label}
      <input
        data-testid={testId}
        value={name.value}
        maxLength={60}
        autocomplete="off"
        dir="auto"
        onInput={(event) => {
          name.value = event.currentTarget.value;
          onInput?.();
        }}
      />
    </label>
  );
}
