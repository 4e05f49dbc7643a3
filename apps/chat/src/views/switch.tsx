/** A choice of on or off, in a row of a page. */
export function Switch(props: { words: string; hint?: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="item">
      <span>
        {props.words}
        {props.hint !== undefined && <small>{props.hint}</small>}
      </span>
      <input
        type="checkbox"
        role="switch"
        checked={props.on}
        aria-checked={props.on}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
    </label>
  );
}
