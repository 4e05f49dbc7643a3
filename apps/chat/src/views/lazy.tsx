import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';

const loaders: (() => Promise<void>)[] = [];

/** Loads all parts, when the first view is there and nothing else is to be done: none is waited for later. */
export async function loadParts(): Promise<void> {
  await Promise.allSettled(loaders.map((load) => load()));
}

/** A component that is loaded when it is first drawn; until then, nothing is. A part that can't be loaded: `offline.ts`. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  const loaded = signal<{ readonly Part: ComponentType<Props> } | null>(null);
  let asked: Promise<void> | null = null;
  const ask = (): Promise<void> => {
    asked ??= load().then(
      (Part) => {
        loaded.value = { Part };
      },
      () => {
        asked = null;
      },
    );
    return asked;
  };
  loaders.push(ask);
  return function Lazy(props: Props) {
    const known = loaded.value;
    if (known === null) void ask();
    return known === null ? null : <known.Part {...props} />;
  };
}
