import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** How many answered messages of one person are remembered. A message is repeated soon after a break, or never. */
const REMEMBERED = 100;

interface Page {
  notes: string[];
  answered: string[];
}

/** What people told the bot, by address. It is on disk before the bot says so. */
export class Notebook {
  readonly #file: string;
  readonly #pages: Map<string, Page>;

  constructor(file: string) {
    this.#file = file;
    this.#pages = new Map(Object.entries(read(file)));
  }

  /**
   * The answer to a message, or `null` if it was answered before. A peer repeats a message until it is told that it is
   * stored.
   */
  answer(from: string, id: string, text: string): string | null {
    const page = this.#pages.get(from) ?? { notes: [], answered: [] };
    if (page.answered.includes(id)) return null;
    const [, command = '', rest = ''] = /^\s*(\S*)\s*(.*)$/s.exec(text) ?? [];
    const answer = this.#obey(page, command.toLowerCase(), rest);
    page.answered = [...page.answered, id].slice(-REMEMBERED);
    this.#pages.set(from, page);
    this.#save();
    return answer;
  }

  #obey(page: Page, command: string, rest: string): string {
    if (command === 'time') return new Date().toISOString();
    if (command === 'notes') return page.notes.length === 0 ? 'nothing noted' : page.notes.join('\n');
    if (command !== 'note' || rest === '') return 'I know: time, note <text>, notes';
    page.notes.push(rest);
    return `noted, ${page.notes.length} in all`;
  }

  /** Replaces the file in one step. A crash leaves either the old one or the new one. */
  #save(): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(Object.fromEntries(this.#pages)));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function read(file: string): Record<string, Page> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
