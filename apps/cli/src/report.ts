/** An event, for scripts. `event` is its name; the other members depend on it. */
export interface Report {
  readonly event: string;
  readonly [member: string]: unknown;
}

/** Reports an event: as words on standard error for people, or with `--json` as one JSON object a line for scripts. */
export type Reporter = (report: Report, words: string) => void;

/**
 * Returns a reporter. `json` is the stream for objects: standard output, or standard error if standard output carries
 * the peer's bytes. `null` reports in words.
 */
export function reporter(json: NodeJS.WriteStream | null): Reporter {
  return json === null
    ? (_report, words) => console.error(shown(words))
    : (report) => void json.write(`${JSON.stringify(report)}\n`);
}

/** Makes words safe to show in a terminal, because a relay or the system may have written them. Keeps line breaks. */
export function shown(words: string): string {
  return words.split('\n').map(printable).join('\n');
}

/** A zero-width joiner within an emoji that joins several (Unicode TR51, emoji ZWJ sequence). */
const JOINER = '(?<=\\p{Extended_Pictographic}[\\uFE0F\\p{Emoji_Modifier}]?)\\u200D(?=\\p{Extended_Pictographic})';
const UNPRINTABLE = new RegExp(`(?!${JOINER})[\\p{Control}\\p{Format}\\p{Zl}\\p{Zp}\\p{Surrogate}]`, 'gu');

/**
 * Makes a peer's words safe to show in a terminal: on one line, without characters that control it or are invisible.
 */
export function printable(words: string): string {
  return withoutUnprintable(words, '\u{FFFD}');
}

/** Replaces each character that controls a terminal or is invisible. */
export function withoutUnprintable(text: string, replacement: string): string {
  return text.replace(UNPRINTABLE, replacement);
}
