import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { History, Message } from './history.js';

/** Messages that are read at a time. */
const PAGE = 50;
/** The most that are drawn: reading on at one end lets go of the other. */
const MAX_DRAWN = 3 * PAGE;
/** On opening, so many before the first unread are drawn. */
const BEFORE_UNREAD = 20;

function isDrawn({ retracted }: Message): boolean {
  return !retracted;
}

/** The stretch of a conversation that is drawn: a window over its history, which slides as one reads. */
export class Thread {
  readonly messages: Signal<readonly Message[]> = signal([]);
  readonly hasEarlier = signal(false);
  /** The latest of all, drawn or not. */
  readonly last: Signal<Message | null> = signal(null);
  readonly hasLater: ReadonlySignal<boolean> = computed(() => {
    const drawn = this.messages.value.at(-1);
    return drawn !== undefined && drawn.seq < (this.last.value?.seq ?? 0);
  });
  /** How often the end was asked for: the view goes there. */
  readonly endAsked = signal(0);
  readonly #history: History;
  readonly #contact: string;
  /** Whether somebody reads far from the end: what comes must not take what is read away. */
  #held = false;
  #open = false;
  #reading = false;

  constructor(history: History, contact: string) {
    this.#history = history;
    this.#contact = contact;
  }

  /** Reads the latest message alone: what a list of conversations shows. */
  async loadLast(): Promise<void> {
    for (const count of [1, PAGE]) {
      const page = await this.#history.page(this.#contact, Number.POSITIVE_INFINITY, count);
      this.last.value = page.findLast(isDrawn) ?? null;
      if (this.last.value !== null) return;
    }
  }

  /** Whether anything was asked to be drawn. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Draws the latest ones. */
  async toEnd(): Promise<void> {
    this.#open = true;
    const page = await this.#history.page(this.#contact, Number.POSITIVE_INFINITY, PAGE);
    this.#draw(page, page.length === PAGE);
    this.last.value = this.messages.value.at(-1) ?? this.last.value;
  }

  /** Brings the end into view, with messages that were just added there. */
  async showEnd(added: readonly Message[] = []): Promise<void> {
    if (this.hasLater.value) await this.toEnd();
    else this.add(added);
    this.endAsked.value++;
  }

  /** Draws what lies around a place. */
  async toPlace(seq: number): Promise<void> {
    this.#open = true;
    const before = await this.#history.page(this.#contact, seq, BEFORE_UNREAD);
    const after = await this.#history.pageAfter(this.#contact, seq - 1, 2 * PAGE);
    this.#draw([...before, ...after], before.length === BEFORE_UNREAD);
  }

  /** Reads on towards the beginning. */
  async earlier(): Promise<void> {
    const first = this.messages.value[0];
    if (first === undefined || !this.hasEarlier.value) return;
    await this.#once(async () => {
      const page = await this.#history.page(this.#contact, first.seq, PAGE);
      const all = [...page.filter(isDrawn), ...this.messages.value];
      this.#draw(all.slice(0, MAX_DRAWN), page.length === PAGE);
    });
  }

  /** Reads on towards the end. */
  async later(): Promise<void> {
    const last = this.messages.value.at(-1);
    if (last === undefined || !this.hasLater.value) return;
    await this.#once(async () => {
      const page = await this.#history.pageAfter(this.#contact, last.seq, PAGE);
      const all = [...this.messages.value, ...page.filter(isDrawn)];
      this.#draw(all.slice(-MAX_DRAWN), this.hasEarlier.value || all.length > MAX_DRAWN);
    });
  }

  /** Whether the reader is away from the end: then nothing is let go of for what comes. */
  hold(held: boolean): void {
    this.#held = held;
  }

  /** Messages have come at the end. */
  add(added: readonly Message[]): void {
    batch(() => {
      const all = [...this.messages.value, ...added];
      if (!this.#open || this.hasLater.value || (this.#held && all.length > MAX_DRAWN)) {
        // It is read when the reader comes there.
      } else if (all.length <= MAX_DRAWN) this.messages.value = all;
      else this.#draw(all.slice(-2 * PAGE), true);
      this.last.value = added.at(-1) ?? this.last.value;
    });
  }

  /** The message of an id, of either side, if it is here. */
  async byId(id: string): Promise<Message | null> {
    const drawn = this.messages.value.find((message) => message.id === id);
    if (drawn !== undefined) return drawn;
    return (await this.#history.find(this.#contact, id, true)) ?? this.#history.find(this.#contact, id, false);
  }

  /** Messages have changed. */
  replace(changed: readonly Message[]): void {
    const bySeq = new Map(changed.map((message) => [message.seq, message]));
    batch(() => {
      const { value: last } = this.last;
      if (last !== null) this.last.value = bySeq.get(last.seq) ?? last;
      if (this.messages.value.some(({ seq }) => bySeq.has(seq)))
        this.messages.value = this.messages.value.map((message) => bySeq.get(message.seq) ?? message);
    });
  }

  /** A message is drawn no more. */
  hide({ seq }: Message): void {
    this.messages.value = this.messages.value.filter((message) => message.seq !== seq);
    if (this.last.value?.seq !== seq) return;
    this.last.value = this.messages.value.at(-1) ?? null;
    if (this.last.value === null) void this.loadLast();
  }

  /** Draws nothing any more. */
  close(): void {
    this.messages.value = [];
    this.hasEarlier.value = false;
    this.#open = false;
    this.#held = false;
  }

  /** All messages are deleted. */
  clear(): void {
    this.#draw([], false);
    this.last.value = null;
  }

  #draw(messages: readonly Message[], hasEarlier: boolean): void {
    // It may have been closed while it was read.
    if (!this.#open) return;
    batch(() => {
      this.messages.value = messages.filter(isDrawn);
      this.hasEarlier.value = hasEarlier;
    });
  }

  async #once(read: () => Promise<void>): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    await read().finally(() => {
      this.#reading = false;
    });
  }
}
