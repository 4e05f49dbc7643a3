/** One thing that happened, for scripts: `event` says what; the other members belong to it. */
export interface Report {
  readonly event: string;
  readonly [member: string]: unknown;
}

/** Tells what happens: words on standard error for people, or with `--json` one JSON object a line for scripts. */
export type Reporter = (report: Report, words: string) => void;

/** `json` is the stream for objects: standard output, or standard error where that carries the peer's bytes. */
export function reporter(json: NodeJS.WriteStream | null): Reporter {
  return json === null
    ? (_report, words) => console.error(shown(words))
    : (report) => void json.write(`${JSON.stringify(report)}\n`);
}

/** Words as they may be shown in a terminal: whatever a relay or a system puts into a message. */
export function shown(words: string): string {
  return words.split('\n').map(printable).join('\n');
}

/** A zero-width joiner within an emoji that is joined of several (Unicode TR51, emoji ZWJ sequence). */
const JOINER = '(?<=\\p{Extended_Pictographic}[\\uFE0F\\p{Emoji_Modifier}]?)\\u200D(?=\\p{Extended_Pictographic})';
const UNPRINTABLE = new RegExp(`(?!${JOINER})[\\p{Control}\\p{Format}\\p{Zl}\\p{Zp}\\p{Surrogate}]`, 'gu');

/** A peer's words as they may be shown in a terminal: on one line, with nothing that commands it, or hides what stands there. */
export function printable(words: string): string {
  return withoutUnprintable(words, '\u{FFFD}');
}

/** A text with something else in place of each character that commands a terminal, or can't be seen. */
export function withoutUnprintable(text: string, replacement: string): string {
  return text.replace(UNPRINTABLE, replacement);
}
