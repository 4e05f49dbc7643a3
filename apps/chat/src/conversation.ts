import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { type ChatMessage, type Introduction, MAX_SAYS_LENGTH } from './chat-protocol.js';
import { Draft } from './draft.js';
import { Files, SMALL_AT_A_TIME } from './files.js';
import { type Contact, type Message, nameOf, newMessage, type Profile } from './history.js';
import { Inbox, type Incoming } from './inbox.js';
import { Outbox } from './outbox.js';
import { PeerLink } from './peer-link.js';
import type { ChatServices } from './services.js';
import { Thread } from './thread.js';
import { Typing } from './typing.js';

/** What a peer may have us store at a time, in messages: far more than its outbox says at a time. */
const MAX_QUEUED = 256;
/** What has been on the screen is noted this often at most. */
const SEEN_MS = 400;

/** All that is said with one contact. */
export class Conversation {
  readonly contact: Signal<Profile>;
  /** What the contact is called here. */
  readonly name: ReadonlySignal<string> = computed(() => nameOf(this.contact.value));
  /** The place, among ours, of the last message that they have seen. */
  readonly theySaw: Signal<number>;
  /** What is drawn of the messages. */
  readonly thread: Thread;
  readonly typing = new Typing();
  readonly unread = signal(0);
  /** Whether the reader is at the end, and looks: what comes is seen as it comes. */
  readonly isFollowed = signal(false);
  /** The unread that are worth a number: none of those that are about to be seen. */
  readonly count: ReadonlySignal<number> = computed(() => (this.isFollowed.value ? 0 : this.unread.value));
  /** The place of the first message that was unread when the conversation was opened: under a divider. */
  readonly firstNew: Signal<number | null> = signal(null);
  /** The place of a message that was looked for: it is scrolled to, once. */
  readonly found: Signal<{ readonly seq: number } | null> = signal(null);
  /** The message that is answered. */
  readonly replyTo: Signal<Message | null> = signal(null);
  /** Who asks to talk, in their own words: in memory alone. */
  readonly introduction: Signal<Introduction> = signal({ name: '', says: '' });
  readonly draft: Draft;
  /** Whether the peer has said that it takes our messages; `null` until it has said anything. */
  readonly accepted = signal<boolean | null>(null);
  readonly files: Files;
  readonly link: PeerLink;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly #services: ChatServices;
  /** The last of their messages that has been on the screen. */
  #seen: Contact['seen'];
  /** Whether it is the chosen one, and whether its window is visible. */
  #selected = false;
  #visible = false;
  #seenTimer: ReturnType<typeof setTimeout> | undefined;
  /** What is done with the history goes one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  #queued = 0;

  constructor(services: ChatServices, contact: Contact) {
    this.#services = services;
    this.contact = signal(contact);
    this.theySaw = signal(contact.theySaw);
    this.#seen = contact.seen;
    this.thread = new Thread(services.history, contact.id);
    this.draft = new Draft(services.history, contact.id, (error) => this.#failed(error));
    this.link = new PeerLink(services.endpoint, contact.address);
    this.outbox = new Outbox(services.history, contact.id, this.link);
    this.files = new Files({
      endpoint: services.endpoint,
      history: services.history,
      files: services.files,
      announce: services.announce,
      contact: contact.id,
      address: contact.address,
      presence: () => this.link.presence.value,
      replace: (message) => this.replace(message),
    });
    this.inbox = new Inbox({
      history: services.history,
      contact: contact.id,
      append: (drafts) => this.#append(drafts),
      fetchesUnasked: (file) => this.files.fetchesUnasked(file),
      again: () => this.#run(() => this.inbox.store()),
      stored: (ids) => this.link.send({ type: 'stored', ids }),
      added: (messages) => this.#came(messages),
      retracted: (message) => this.#retracted(message),
    });
    this.link.onOpen = () => this.#opened();
    this.link.onLost = () => this.#lost();
    this.link.onMessage = (message) => this.#receive(message);
  }

  /** All that is kept of the contact. */
  get record(): Contact {
    return { ...this.contact.value, seen: this.#seen, theySaw: this.theySaw.value };
  }

  /** Reads what a list of conversations shows; then calls. */
  async load(): Promise<void> {
    await this.thread.loadLast();
    await this.#countUnread();
    await this.draft.load();
    await this.#keep();
    this.registered();
  }

  /** The relay is reached: those whom we know learn that we are here, and what waits for us comes. */
  registered(): void {
    if (this.contact.value.status === 'accepted') this.link.registered();
  }

  close(): void {
    this.typing.stop();
    clearTimeout(this.#seenTimer);
    this.inbox.close();
    this.files.close();
    this.link.close();
  }

  /** Shows a message, and points at it. */
  async reach(seq: number): Promise<void> {
    await this.#queue;
    if (!this.thread.messages.value.some((message) => message.seq === seq)) await this.thread.toPlace(seq);
    this.found.value = { seq };
  }

  /** Whether it is the chosen one, and in a window that is visible: then the peer is waited for. `at` is the place to go on from. */
  show(selected: boolean, visible: boolean, at: number | null): void {
    const opened = selected && visible && !this.#visible;
    if (this.#selected && !selected) {
      this.thread.close();
      this.found.value = null;
    }
    this.#selected = selected;
    this.#visible = selected && visible;
    void this.#keep();
    if (opened) this.#run(() => this.#open(at));
  }

  /** Everything up to this message of theirs has been on the screen of a focused window. */
  seenUpTo({ id, seq }: Message): void {
    if (seq <= this.#seen.seq) return;
    this.#seen = { id, seq };
    this.#seenTimer ??= setTimeout(() => this.#run(() => this.#noteSeen()), SEEN_MS);
  }

  /** Writes a message into the outbox; from there it goes as soon as the peer takes it. */
  async send(text: string): Promise<void> {
    const reply = this.replyTo.value?.id ?? null;
    this.replyTo.value = null;
    await this.#submit([{ ...newMessage(this.contact.value.id), text, reply }]);
  }

  /**
   * Offers files, the first of them with the caption. They are copied into the browser's storage first, so that they can
   * go after this window was closed. Returns those that can't be read.
   */
  async sendFiles(files: readonly File[], caption: string): Promise<readonly File[]> {
    const unread: File[] = [];
    let text = caption;
    for (let from = 0; from < files.length; from += SMALL_AT_A_TIME) {
      const kept = await this.files.offer(files.slice(from, from + SMALL_AT_A_TIME));
      unread.push(...kept.unread);
      const [first, ...others] = kept.offers;
      if (first === undefined) continue;
      await this.#submit([{ ...first, text }, ...others]);
      text = '';
    }
    return unread;
  }

  /** Lets the peer know that something is being written, now and then. */
  writing(): void {
    if (this.#services.settings.value.typing && this.accepted.value === true && this.typing.isDue())
      this.link.send({ type: 'typing' });
  }

  /** Removes a message here. One that has not gone goes no more. */
  async remove(message: Message): Promise<void> {
    this.outbox.forget(message.id);
    await this.files.forget(message);
    await this.#services.history.remove(message);
    this.thread.hide(message);
    await this.#keep();
  }

  /** Removes a message of ours here and at the peer, as soon as it hears of it. */
  async retract(message: Message): Promise<void> {
    if (!message.delivered && !this.outbox.underWay.value.has(message.id)) return this.remove(message);
    await this.files.forget(message);
    const retracted: Message = { ...message, text: '', file: null, reply: null, delivered: false, retracted: true };
    this.outbox.forget(message.id);
    await this.#services.history.update([retracted]);
    this.outbox.add(retracted);
    this.thread.hide(message);
    this.#run(() => this.#flush());
    await this.#keep();
  }

  /** Removes all messages here. */
  async clear(): Promise<void> {
    this.files.clear();
    await this.#services.history.clear(this.contact.value.id);
    await this.#services.files.remove(this.contact.value.id);
    this.thread.clear();
    this.unread.value = 0;
    await this.#keep();
  }

  /** Changes what is known of the contact. */
  async change(changes: Partial<Profile>): Promise<void> {
    const before = this.contact.value;
    this.contact.value = { ...before, ...changes };
    await this.#services.history.putContact(this.record);
    if (before.status === this.contact.value.status) return;
    if (this.contact.value.status === 'accepted') {
      this.#hello();
      void this.#keep();
      this.#run(() => this.#flush());
    }
  }

  /** Replaces a message, in the history and on the screen. */
  async replace(message: Message): Promise<void> {
    await this.#services.history.update([message]);
    this.thread.replace([message]);
  }

  /** Places that either side has seen are not given again: what comes there would count as seen. */
  #append(drafts: readonly Omit<Message, 'seq'>[]): Promise<Message[]> {
    return this.#services.history.append(drafts, Math.max(this.theySaw.value, this.#seen.seq));
  }

  async #countUnread(): Promise<void> {
    this.unread.value = await this.#services.history.countAfter(this.contact.value.id, this.#seen.seq);
  }

  async #submit(drafts: readonly Omit<Message, 'seq'>[]): Promise<void> {
    const added = await this.#append(drafts);
    await this.thread.showEnd(added);
    for (const message of added) this.outbox.add(message);
    this.firstNew.value = null;
    if (this.accepted.value === false) this.#hello();
    await this.#keep();
    this.#run(() => this.#flush());
  }

  /** The peer is waited for while it is on the screen, or something waits for it. */
  async #keep(): Promise<void> {
    const { id, status } = this.contact.value;
    const waiting = status === 'accepted' && (this.#visible || (await this.#services.history.pending(id)).length > 0);
    this.link.keep(waiting);
  }

  #opened(): void {
    this.outbox.lost();
    this.#hello();
    this.#run(() => this.#flush());
  }

  #lost(): void {
    this.outbox.lost();
    this.accepted.value = null;
    this.typing.stop();
    void this.#keep();
  }

  #hello(): void {
    const { status, seen, knewUs } = this.record;
    const { name, receipts } = this.#services.settings.value;
    const move = knewUs ? this.#services.move : null;
    // Whoever has not accepted us learns who asks; nobody else whom we have not accepted does.
    const asks = status === 'accepted' && this.accepted.value !== true;
    this.link.send({
      type: 'hello',
      accepted: status === 'accepted',
      seen: receipts ? seen.id : null,
      move,
      name: asks ? name : '',
      says: asks ? this.#firstWords() : '',
    });
  }

  #firstWords(): string {
    const first = this.thread.messages.value.find(({ mine }) => mine) ?? this.thread.last.value;
    return first?.mine === true ? first.text.slice(0, MAX_SAYS_LENGTH) : '';
  }

  #receive(message: ChatMessage): void {
    if (message.type === 'hello') {
      const asked = this.accepted.value === null && !message.accepted;
      this.accepted.value = message.accepted;
      if (message.name !== '' || message.says !== '')
        this.introduction.value = { name: message.name, says: message.says };
      if (message.move !== null) this.#services.onMove(this.contact.value, message.move);
      if (asked && this.contact.value.status === 'accepted') this.#hello();
    }
    // Nothing else of a stranger's is taken, shown or kept: its outbox keeps it until we have answered.
    if (this.contact.value.status !== 'accepted') return;
    if (message.type === 'typing') return this.typing.heard();
    if (this.#queued + this.inbox.size >= MAX_QUEUED) return this.link.restart();
    if (message.type !== 'text' && message.type !== 'file' && message.type !== 'retract')
      return this.#run(() => this.#handle(message));
    // All that has come by the time its turn comes goes to the disk in one write.
    if (this.inbox.take(message)) this.#run(() => this.inbox.store());
  }

  async #handle(message: Exclude<ChatMessage, Incoming | { type: 'typing' }>): Promise<void> {
    switch (message.type) {
      case 'hello':
        if (message.seen !== null) await this.#theySaw(message.seen);
        if (!message.accepted) return;
        await this.#flush();
        this.files.resume();
        return;
      case 'stored':
        return this.#stored(message.ids);
      case 'seen':
        return this.#theySaw(message.id);
    }
  }

  #came(added: readonly Message[]): void {
    const last = added.at(-1);
    if (last === undefined) return;
    this.typing.stop();
    batch(() => {
      this.thread.add(added);
      this.unread.value += added.length;
    });
    if (added.some(({ file }) => file !== null)) this.files.resume();
    this.#services.onCame(this.contact.value, last);
  }

  async #retracted(message: Message): Promise<void> {
    await this.files.forget(message);
    await this.#services.history.remove(message);
    this.thread.hide(message);
    await this.#countUnread();
  }

  async #stored(ids: readonly string[]): Promise<void> {
    const stored = this.outbox.stored(ids);
    for (const message of stored) if (message.retracted) await this.#services.history.remove(message);
    // What is on the screen may know more, such as a file that was fetched meanwhile.
    const drawn = new Map(this.thread.messages.value.map((message) => [message.id, message]));
    const delivered = stored
      .filter(({ retracted }) => !retracted)
      .map((message) => ({ ...(drawn.get(message.id) ?? message), delivered: true }));
    await this.#services.history.update(delivered);
    this.thread.replace(delivered);
    await this.#flush();
    if (this.outbox.underWay.value.size === 0) await this.#keep();
  }

  async #theySaw(id: string): Promise<void> {
    // Who does not tell does not learn.
    if (!this.#services.settings.value.receipts) return;
    const message = await this.#services.history.find(this.contact.value.id, id, true);
    if (message === null || message.seq <= this.theySaw.value) return;
    this.theySaw.value = message.seq;
    await this.#services.history.putContact(this.record);
  }

  /** Draws the place where the reader was, or the first unread, or the end. */
  async #open(at: number | null): Promise<void> {
    const first = await this.#services.history.firstAfter(this.contact.value.id, this.#seen.seq);
    const place = at ?? first;
    this.firstNew.value = first;
    // In a window that is visible again it is open.
    if (this.thread.isOpen || !this.#selected) return;
    await (place === null ? this.thread.toEnd() : this.thread.toPlace(place));
  }

  async #noteSeen(): Promise<void> {
    this.#seenTimer = undefined;
    await this.#services.history.putContact(this.record);
    await this.#countUnread();
    const { id } = this.#seen;
    if (id !== null && this.#services.settings.value.receipts) this.link.send({ type: 'seen', id });
  }

  async #flush(): Promise<void> {
    if (this.accepted.value === true) await this.outbox.flush();
  }

  #run(task: () => Promise<void>): void {
    this.#queued++;
    this.#queue = this.#queue
      .then(task)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#queued--;
      });
  }

  #failed(error: unknown): void {
    this.#services.announce(`This browser could not keep a message: ${error instanceof Error ? error.message : ''}`);
  }
}
