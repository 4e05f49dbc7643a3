import { signal } from '@preact/signals';
import { draftNote, type History } from './history.js';

/** What is being written to a contact: kept, sealed, with each key, so that it survives a reload. */
export class Draft {
  readonly text = signal('');
  readonly #history: History;
  readonly #note: string;
  readonly #onFailure: (error: unknown) => void;
  #kept = '';
  #keeping = false;

  constructor(history: History, contact: string, onFailure: (error: unknown) => void) {
    this.#history = history;
    this.#note = draftNote(contact);
    this.#onFailure = onFailure;
  }

  async load(): Promise<void> {
    this.#kept = (await this.#history.note<{ text: string }>(this.#note))?.text ?? '';
    this.text.value = this.#kept;
  }

  write(text: string): void {
    this.text.value = text;
    if (!this.#keeping) void this.#keep();
  }

  /** One write at a time: what was written meanwhile goes with the next. */
  async #keep(): Promise<void> {
    this.#keeping = true;
    try {
      while (this.#kept !== this.text.value) {
        this.#kept = this.text.value;
        await this.#history.putNote(this.#note, { text: this.#kept });
      }
    } catch (error) {
      this.#onFailure(error);
    }
    this.#keeping = false;
  }
}
