import type { Message } from '../history.js';
import { dayOf } from './words.js';

/** What one side says without a pause of this length is one run. */
const RUN_MS = 300_000;

/** A message as it stands among the others. */
export interface Line {
  readonly message: Message;
  /** The day that is told before it, or `null`. */
  readonly day: string | null;
  /** Whether "New" is told before it. */
  readonly isNew: boolean;
  /** The place of the first of its run. */
  readonly run: number;
  /** Whether it is the last of its run: that one tells the time. */
  readonly ends: boolean;
}

/**
 * Places messages under their days and in runs. `firstNew` is the place of the first unread one. Clocks differ, so a day
 * is told once it is later than all before it: none alternates.
 */
export function linesOf(messages: readonly Message[], firstNew: number | null): Line[] {
  const lines: Line[] = [];
  let dayEnds = Number.NEGATIVE_INFINITY;
  let before: Message | undefined;
  for (const [index, message] of messages.entries()) {
    const isLater = message.at >= dayEnds;
    if (isLater) dayEnds = new Date(message.at).setHours(24, 0, 0, 0);
    const isNew = message.seq === firstNew;
    const starts = isLater || isNew || before?.mine !== message.mine || Math.abs(message.at - before.at) >= RUN_MS;
    const last = lines.at(-1);
    if (starts && last !== undefined) lines[index - 1] = { ...last, ends: true };
    lines.push({
      message,
      day: isLater ? dayOf(message.at) : null,
      isNew,
      run: starts || last === undefined ? message.seq : last.run,
      ends: index === messages.length - 1,
    });
    before = message;
  }
  return lines;
}
