import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Endpoint, SecureWebSocket } from '@sws/client';
import type { ChatMessage, Move } from './chat-protocol.js';
import type { FileStore } from './file-store.js';
import { Files } from './files.js';
import { type Contact, type History, type Message, newId } from './history.js';
import { Outbox } from './outbox.js';
import { PeerLink } from './peer-link.js';

/** Messages of a conversation that are drawn at first, and with every "earlier". */
const PAGE = 100;
/** The most that are drawn; the rest is a click away. */
const MAX_DRAWN = 600;
/** What a peer may have us store at a time, in messages: far more than its outbox says at a time. */
const MAX_QUEUED = 256;
const TYPING_SHOWN_MS = 6_000;
const TYPING_SENT_MS = 3_000;

/** What a conversation needs of the page around it. */
export interface Surroundings {
  readonly endpoint: Endpoint;
  readonly history: History;
  readonly files: FileStore;
  /** Proof of an earlier address, for contacts who know us under it. */
  readonly move: Move | null;
  /** A contact has told its new address. */
  readonly onMove: (contact: Contact, move: Move) => void;
  /** Said aloud by a screen reader, and shown for a moment. */
  readonly announce: (text: string) => void;
}

/** All that is said with one contact. */
export class Conversation {
  readonly contact: Signal<Contact>;
  /** The last ones, as many as are drawn. */
  readonly messages: Signal<readonly Message[]> = signal([]);
  readonly hasEarlier = signal(false);
  readonly last: ReadonlySignal<Message | null> = computed(() => this.messages.value.at(-1) ?? null);
  readonly unread = signal(0);
  /** What is being written. */
  readonly draft = signal('');
  readonly typing = signal(false);
  /** Whether the peer has said that it takes our messages; `null` until it has said anything. */
  readonly accepted = signal<boolean | null>(null);
  readonly files: Files;
  readonly link: PeerLink;
  readonly outbox: Outbox;
  readonly #around: Surroundings;
  #visible = false;
  /** Whether a page of messages was read; before, the last alone. */
  #paged = false;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;
  #typingSentAt = 0;
  /** What is done with the history goes one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  #queued = 0;

  constructor(around: Surroundings, contact: Contact) {
    this.#around = around;
    this.contact = signal(contact);
    this.link = new PeerLink(around.endpoint, contact.address);
    this.outbox = new Outbox(around.history, contact.id, this.link);
    this.files = new Files(around, this);
    this.link.onOpen = () => this.#opened();
    this.link.onLost = () => this.#lost();
    this.link.onMessage = (message) => this.#receive(message);
  }

  /** Reads what a list of conversations shows; then calls. */
  async load(): Promise<void> {
    const { history } = this.#around;
    const { id } = this.contact.value;
    await this.#readPage(1);
    this.unread.value = await history.unseenCount(id);
    await this.#keep();
    this.registered();
  }

  /** The relay is reached: those whom we know learn that we are here, and what waits for us comes. */
  registered(): void {
    if (this.contact.value.status === 'accepted') this.link.registered();
  }

  async #readPage(count: number): Promise<void> {
    this.messages.value = await this.#around.history.page(this.contact.value.id, Number.POSITIVE_INFINITY, count);
    this.hasEarlier.value = this.messages.value.length === count;
  }

  async loadEarlier(): Promise<void> {
    const first = this.messages.value[0];
    if (first === undefined) return;
    const page = await this.#around.history.page(first.contact, first.seq, PAGE);
    this.hasEarlier.value = page.length === PAGE;
    this.messages.value = [...page, ...this.messages.value];
  }

  close(): void {
    clearTimeout(this.#typingTimer);
    this.files.close();
    this.link.close();
  }

  /** Whether it is on the screen: then what comes is seen, and the peer is waited for. */
  show(visible: boolean): void {
    this.#visible = visible;
    void this.#keep();
    if (visible) this.#run(() => this.#seen());
  }

  /** Writes a message into the outbox; from there it goes as soon as the peer takes it. */
  async send(text: string): Promise<void> {
    await this.#submit({ ...this.#draft(), text });
  }

  /** Offers a file. It is copied into the browser's storage first, so that it can go after this window was closed. */
  async sendFile(file: File): Promise<void> {
    const draft = this.#draft();
    await this.files.keep(draft.id, file);
    await this.#submit({
      ...draft,
      file: { name: file.name.slice(-255), size: file.size, mime: file.type, state: 'offered' },
    });
  }

  /** Lets the peer know that something is being written, now and then. */
  writing(): void {
    if (Date.now() - this.#typingSentAt < TYPING_SENT_MS || this.accepted.value !== true) return;
    this.#typingSentAt = Date.now();
    this.link.send({ type: 'typing' });
  }

  /** Removes a message here. One that has not gone goes no more. */
  async remove(message: Message): Promise<void> {
    await this.files.forget(message);
    await this.#around.history.remove(message);
    this.messages.value = this.messages.value.filter(({ seq }) => seq !== message.seq);
    await this.#keep();
  }

  /** Removes all messages here. */
  async clear(): Promise<void> {
    this.files.clear();
    await this.#around.history.clear(this.contact.value.id);
    await this.#around.files.remove(this.contact.value.id);
    this.messages.value = [];
    this.hasEarlier.value = false;
    this.unread.value = 0;
    await this.#keep();
  }

  /** Changes what is known of the contact. */
  async change(changes: Partial<Contact>): Promise<void> {
    const before = this.contact.value;
    this.contact.value = { ...before, ...changes };
    await this.#around.history.putContact(this.contact.value);
    if (before.status === this.contact.value.status) return;
    if (this.contact.value.status === 'accepted') {
      this.#hello();
      void this.#keep();
      this.#run(() => this.#flush());
    }
  }

  /** Replaces a message, in the history and on the screen. */
  async replace(message: Message): Promise<void> {
    await this.#around.history.update(message);
    this.messages.value = this.messages.value.map((one) => (one.seq === message.seq ? message : one));
  }

  /** Takes a channel for a file that the peer fetches. */
  serve(socket: SecureWebSocket): void {
    void this.files.serve(socket);
  }

  #draft(): Omit<Message, 'seq'> {
    const contact = this.contact.value.id;
    return {
      contact,
      id: newId(),
      mine: true,
      at: Date.now(),
      text: '',
      file: null,
      delivered: false,
      seen: true,
    };
  }

  async #submit(draft: Omit<Message, 'seq'>): Promise<void> {
    const message = await this.#around.history.append(draft);
    if (message !== null) this.#add(message);
    await this.#keep();
    this.#run(() => this.#flush());
  }

  /** The peer is waited for while it is on the screen, or something waits for it. */
  async #keep(): Promise<void> {
    const { id, status } = this.contact.value;
    const waiting = status === 'accepted' && (this.#visible || (await this.#around.history.pending(id)).length > 0);
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
    this.typing.value = false;
    void this.#keep();
  }

  #hello(): void {
    const { status, seen, knewUs } = this.contact.value;
    const move = knewUs ? this.#around.move : null;
    this.link.send({ type: 'hello', accepted: status === 'accepted', seen, move });
  }

  #receive(message: ChatMessage): void {
    if (message.type === 'hello') {
      this.accepted.value = message.accepted;
      if (message.move !== null) this.#around.onMove(this.contact.value, message.move);
    }
    // Nothing else of a stranger's is taken, shown or kept: its outbox keeps it until we have answered.
    if (this.contact.value.status !== 'accepted') return;
    if (message.type === 'typing') return this.#showTyping();
    if (this.#queued >= MAX_QUEUED) return this.link.restart();
    this.#run(() => this.#handle(message));
  }

  async #handle(message: Exclude<ChatMessage, { type: 'typing' }>): Promise<void> {
    switch (message.type) {
      case 'hello':
        if (message.seen !== null) await this.#theySaw(message.seen);
        if (!message.accepted) return;
        await this.#flush();
        this.files.resume();
        return;
      case 'text':
        return this.#store(message.id, { at: message.at, text: message.text, file: null });
      case 'file': {
        const state = this.files.fetchesUnasked(message.file) ? 'wanted' : 'offered';
        await this.#store(message.id, { at: message.at, text: '', file: { ...message.file, state } });
        this.files.resume();
        return;
      }
      case 'stored':
        return this.#stored(message.id);
      case 'seen':
        return this.#theySaw(message.id);
    }
  }

  /** Keeps what the peer said and, once it is on disk, tells so; what came before is told again. */
  async #store(id: string, content: Pick<Message, 'at' | 'text' | 'file'>): Promise<void> {
    const message = await this.#around.history.append({
      ...content,
      // A clock that runs ahead, or a lie, would put it behind everything to come.
      at: Math.min(content.at, Date.now()),
      contact: this.contact.value.id,
      id,
      mine: false,
      delivered: true,
      seen: false,
    });
    this.link.send({ type: 'stored', id });
    if (message === null) return;
    this.typing.value = false;
    this.#add(message);
    this.unread.value++;
    if (this.#visible) await this.#markSeen();
  }

  async #stored(id: string): Promise<void> {
    const message = await this.#around.history.find(this.contact.value.id, id, true);
    this.outbox.stored(id);
    if (message !== null && !message.delivered) await this.replace({ ...message, delivered: true });
    await this.#flush();
    if (this.outbox.underWay.value.size === 0) await this.#keep();
  }

  async #theySaw(id: string): Promise<void> {
    const message = await this.#around.history.find(this.contact.value.id, id, true);
    if (message !== null && message.seq > this.contact.value.theySaw) await this.change({ theySaw: message.seq });
  }

  async #seen(): Promise<void> {
    if (!this.#paged) await this.#readPage(PAGE);
    this.#paged = true;
    await this.#markSeen();
  }

  async #markSeen(): Promise<void> {
    if (this.unread.value === 0) return;
    const seen = await this.#around.history.markSeen(this.contact.value.id);
    this.unread.value = 0;
    if (seen === null) return;
    await this.change({ seen });
    this.link.send({ type: 'seen', id: seen });
  }

  async #flush(): Promise<void> {
    if (this.accepted.value === true) await this.outbox.flush();
  }

  #add(message: Message): void {
    const all = [...this.messages.value, message];
    if (all.length > MAX_DRAWN) this.hasEarlier.value = true;
    this.messages.value = all.slice(-MAX_DRAWN);
  }

  #showTyping(): void {
    this.typing.value = true;
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => {
      this.typing.value = false;
    }, TYPING_SHOWN_MS);
  }

  #run(task: () => Promise<void>): void {
    this.#queued++;
    this.#queue = this.#queue
      .then(task)
      .catch((error: unknown) => {
        this.#around.announce(`This browser could not keep a message: ${error instanceof Error ? error.message : ''}`);
      })
      .finally(() => {
        this.#queued--;
      });
  }
}
