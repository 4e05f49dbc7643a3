import { type Signal, signal } from '@preact/signals';

/** Where one is on the page. `contact` is a local id: the address bar and the history show nothing of people. */
export interface Place {
  readonly contact: string | null;
  readonly page: 'about' | 'settings' | null;
}

/** Where one is in a conversation: the place of the uppermost message in view, and its distance from the top in pixels. */
export interface Scrolled {
  readonly seq: number;
  readonly top: number;
}

interface Entry extends Place {
  /** `null` at the end of a conversation. */
  readonly scrolled: Scrolled | null;
  /** How many of the page's entries lie below. */
  readonly depth: number;
}

const HOME: Entry = { contact: null, page: null, scrolled: null, depth: 0 };

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && 'depth' in value;
}

/** Browsers take a change of the history some times a second. */
const KEEP_MS = 300;

/**
 * The page's entries in the browser's history: Back leaves a page or a dialog, then a conversation, then the app. They
 * survive a reload, and with them the open conversation.
 */
export class Navigation {
  readonly place: Signal<Place>;
  #entry: Entry;
  /** Where to go once the browser has gone back. */
  #next: Place | null = null;
  /** What closes the open dialogs, the uppermost last. */
  readonly #dialogs: Signal<readonly (() => void)[]> = signal([]);
  #keepTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#entry = isEntry(history.state) ? history.state : HOME;
    this.place = signal(this.#entry);
    window.addEventListener('pagehide', () => history.replaceState(this.#entry, ''));
    window.addEventListener('popstate', ({ state }) => this.#arrived(isEntry(state) ? state : HOME));
  }

  /** Goes deeper with a new entry, sideways in place, and back to the entry that is there. */
  go(place: Place): void {
    this.place.value = place;
    if (this.#next !== null) {
      this.#next = place;
      return;
    }
    const depth = (place.contact === null ? 0 : 1) + (place.page === null ? 0 : 1);
    const entry: Entry = { ...place, scrolled: null, depth };
    if (depth < this.#entry.depth) {
      this.#next = place;
      history.go(depth - this.#entry.depth);
    } else {
      if (depth > this.#entry.depth) history.pushState(entry, '');
      else history.replaceState(entry, '');
      this.#entry = entry;
    }
  }

  /** Where one was in the open conversation when its entry was left, or the page. */
  get scrolled(): Scrolled | null {
    return this.#entry.scrolled;
  }

  keepScroll(scrolled: Scrolled | null): void {
    if (scrolled === null && this.#entry.scrolled === null) return;
    const entry = { ...this.#entry, scrolled };
    this.#entry = entry;
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => {
      if (this.#entry === entry) history.replaceState(entry, '');
    }, KEEP_MS);
  }

  /** A dialog has opened, over the present place: Back closes it. Returns what is to be called when it has closed otherwise. */
  dialog(close: () => void): () => void {
    const forget = (): void => {
      this.#dialogs.value = this.#dialogs.peek().filter((one) => one !== leave);
    };
    const leave = (): void => {
      forget();
      close();
    };
    this.#dialogs.value = [...this.#dialogs.peek(), leave];
    return forget;
  }

  /** Whether a dialog lies over the page. */
  get hasDialog(): boolean {
    return this.#dialogs.value.length > 0;
  }

  #arrived(entry: Entry): void {
    const dialog = this.#dialogs.peek().at(-1);
    if (this.#next === null && dialog !== undefined) {
      // Back was for the dialog: the entry that it took comes back.
      history.pushState(this.#entry, '');
      dialog();
      return;
    }
    this.#entry = entry;
    const next = this.#next;
    this.#next = null;
    if (next === null) this.place.value = entry;
    else this.go(next);
  }
}

/** The page has one history. */
export const navigation = new Navigation();
