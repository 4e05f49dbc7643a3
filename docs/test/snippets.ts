/** A fenced code block of a Markdown document. */
export interface Snippet {
  readonly language: string;
  readonly text: string;
  /** Where its fence opens, from 1. */
  readonly line: number;
  /** The heading above it. */
  readonly section: string;
  /** Why no test runs it: `<!-- not run: reason -->` before the fence. */
  readonly notRun: string | null;
  /** The name of the file that it is, if its first line is a comment that says so. */
  readonly file: string | null;
}

const FENCE = /^```(\w*)$/;
const NOT_RUN = /^<!-- not run: (.+) -->$/;
const FILE = /^(?:\/\/|#|<!--) ([\w-]+\.(?:js|ts|html|txt)|\/etc\/sws\/[\w.-]+)(?: -->|: .*)?$/;

/** Every fenced code block of a document, in order. @throws Error for a fence that does not close */
export function snippetsOf(markdown: string): readonly Snippet[] {
  const lines = markdown.split('\n');
  const snippets: Snippet[] = [];
  let section = '';
  for (let at = 0; at < lines.length; at += 1) {
    const heading = /^#+ (.*)/.exec(lines[at] ?? '')?.[1];
    if (heading !== undefined) section = heading;
    const language = FENCE.exec(lines[at] ?? '')?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`the fence of line ${at + 1} does not close`);
    const body = lines.slice(at + 1, end);
    // One empty line may stand between, as formatters want it.
    const above = lines[at - 1] === '' ? lines[at - 2] : lines[at - 1];
    const notRun = NOT_RUN.exec(above ?? '')?.[1] ?? null;
    const file = FILE.exec(body[0] ?? '')?.[1] ?? null;
    snippets.push({ language, text: body.join('\n'), line: at + 1, section, notRun, file });
    at = end;
  }
  return snippets;
}
