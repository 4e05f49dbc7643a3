import type { IconNode } from 'lucide';
import { h } from 'preact';

/** Draws an icon; `styles/base.css` has its size and strokes. With a `label` it is an image, without one an ornament. */
export function Icon({ of, label }: { of: IconNode; label?: string }) {
  const role = label === undefined ? 'presentation' : 'img';
  return (
    <svg viewBox="0 0 24 24" role={role} aria-label={label} aria-hidden={label === undefined}>
      {of.map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}
