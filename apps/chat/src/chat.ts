import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import { type ConnectionEvent, Endpoint, type EndpointState, type Identity, type StateEvent } from '@sws/client';
import { relayUrl } from './address-link.js';
import { CHAT_PROTOCOL, type Move } from './chat-protocol.js';
import { Conversation } from './conversation.js';
import { FILE_PROTOCOL } from './file-protocol.js';
import { FileStore } from './file-store.js';
import {
  type Contact,
  type ContactStatus,
  History,
  type Message,
  NOTHING_SEEN,
  newId,
  type Profile,
} from './history.js';
import { isMoveTo } from './move.js';
import { navigation } from './navigation.js';
import { askToNotify, canAskToNotify, notify } from './notify.js';
import { loadMove } from './person.js';
import { provider } from './provider.js';
import type { ChatServices } from './services.js';
import { loadSettings, type Settings, saveSettings } from './settings.js';

/** The relay as the page shows it. */
export interface ConnectionView {
  readonly state: EndpointState;
  /** When this state began, in milliseconds. */
  readonly since: number;
  readonly failure: string | null;
}

/** Requests of strangers that wait for an answer; further ones are refused until some are answered. */
const MAX_REQUESTS = 50;
const ANNOUNCED_MS = 6_000;

/** What the page knows: one identity, its connection, its contacts and what is said with them. */
export class Chat {
  readonly identity: Identity;
  readonly history: History;
  readonly connection: Signal<ConnectionView>;
  readonly conversations: Signal<readonly Conversation[]> = signal([]);
  /** The contact whose conversation is on the screen. */
  readonly selected: ReadonlySignal<string | null> = computed(() => navigation.place.value.contact);
  /** Unread messages of all conversations that are not muted. */
  readonly unread: ReadonlySignal<number> = computed(() =>
    this.conversations.value
      .filter(({ contact }) => !contact.value.muted)
      .reduce((sum, { count }) => sum + count.value, 0),
  );
  /** Whether notifications are offered: once there was a message to miss, or somebody to wait for. */
  readonly offersNotifications = signal(false);
  /** The latest thing worth saying aloud; empty when it has been said. */
  readonly announced = signal('');
  readonly settings: Signal<Settings>;
  readonly #endpoint: Endpoint;
  readonly #services: ChatServices;
  readonly #declined = new Set<string>();
  /** Whether the contacts are known: before, nobody could be told from a stranger. */
  #ready = false;
  #announceTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(identity: Identity, history: History, contacts: readonly Contact[], settings: Settings) {
    this.settings = signal(settings);
    this.identity = identity;
    this.history = history;
    this.connection = signal({ state: 'connecting', since: Date.now(), failure: null });
    this.#endpoint = new Endpoint(relayUrl(), {
      identity,
      provider,
      accept: ({ peer, protocols }) => {
        const status = this.byAddress(peer)?.contact.value.status;
        if (!this.#ready || status === 'blocked') return false;
        if (protocols.includes(FILE_PROTOCOL)) return status === 'accepted' ? { protocol: FILE_PROTOCOL } : false;
        if (!protocols.includes(CHAT_PROTOCOL)) return false;
        const mayAsk = this.#requests() < MAX_REQUESTS && !this.#declined.has(peer);
        return status !== undefined || mayAsk ? { protocol: CHAT_PROTOCOL } : false;
      },
      isKnown: (peer) => this.byAddress(peer)?.contact.value.status === 'accepted',
      maxStrangerMemoryBytes: 16 * 1_048_576,
    });
    this.#services = {
      endpoint: this.#endpoint,
      history,
      files: new FileStore(identity),
      settings: this.settings,
      onCame: (contact, message) => {
        if (!contact.muted) notify(this.settings.value, contact.name, message.text || (message.file?.name ?? ''));
        if (document.visibilityState === 'hidden') void this.#missed(contact.id);
      },
      move: loadMove(),
      onMove: (contact, move) => void this.#moved(contact, move),
      announce: (text) => this.announce(text),
    };
    this.#listen();
    this.#know(contacts);
  }

  /** Reads what was kept, and connects. */
  static async start(identity: Identity): Promise<Chat> {
    const history = await History.open(identity);
    const chat = new Chat(identity, history, await history.contacts(), await loadSettings(history));
    await Promise.all(chat.conversations.value.map((conversation) => conversation.load()));
    // Back and forward choose, too.
    effect(() => {
      void navigation.place.value;
      untracked(() => chat.look());
    });
    return chat;
  }

  /** Goes on here, where another tab or another device is connected as us: that one then waits. */
  takeOver(): void {
    this.#endpoint.takeOver();
  }

  /** Changes what one has chosen; contacts hear of it with the next channel. */
  async set(changes: Partial<Settings>): Promise<void> {
    this.settings.value = { ...this.settings.value, ...changes };
    await saveSettings(this.history, this.settings.value);
  }

  /** Answers the offer of notifications, or changes one's mind. The browser asks, too, where it does not know. */
  async letNotify(on: boolean): Promise<void> {
    this.offersNotifications.value = false;
    const notifications = on && (await askToNotify());
    if (on && !notifications)
      this.announce('This browser blocks notifications from this page. You can change that in its settings.');
    await this.set({ notifications, notificationsAnswered: true });
  }

  byAddress(address: string): Conversation | undefined {
    return this.conversations.value.find(({ contact }) => contact.value.address === address);
  }

  /** Says something aloud, and shows it for a moment. */
  announce(text: string): void {
    this.announced.value = text;
    clearTimeout(this.#announceTimer);
    this.#announceTimer = setTimeout(() => {
      this.announced.value = '';
    }, ANNOUNCED_MS);
  }

  /** Shows a conversation, or with `null` none. */
  select(contact: string | null): void {
    navigation.go({ contact, page: null });
    this.look();
  }

  about(contact: string): void {
    navigation.go({ contact, page: 'about' });
  }

  showSettings(): void {
    navigation.go({ contact: null, page: 'settings' });
    this.look();
  }

  /** Shows one message in its conversation. */
  async showMessage(conversation: Conversation, message: Message): Promise<void> {
    this.select(message.contact);
    await conversation.reach(message.seq);
  }

  /** What is selected is seen only while the window is. */
  look(): void {
    const { contact } = navigation.place.value;
    const visible = document.visibilityState === 'visible';
    for (const conversation of this.conversations.value)
      conversation.show(conversation.contact.value.id === contact, visible, navigation.scrolled?.seq ?? null);
  }

  /** Adds somebody whose link we were given, or accepts whom we know already; shows the conversation. */
  async add(address: string, name: string): Promise<void> {
    const known = this.byAddress(address);
    const conversation = known ?? this.#meet(address, 'accepted');
    await conversation.change({
      status: 'accepted',
      name: name || conversation.contact.value.name,
      formerly: this.sameName(name, address) ?? conversation.contact.value.formerly,
    });
    this.select(conversation.contact.value.id);
    // Asks the browser not to clear the storage when it runs short; it may well say no.
    void navigator.storage?.persist?.();
  }

  /** The address of somebody of this name, if there is another: the name alone does not tell which of the two it is. */
  sameName(name: string, address: string): string | null {
    const wanted = name.trim().toLowerCase();
    const other = this.conversations.value.find(
      ({ contact }) => contact.value.name.toLowerCase() === wanted && contact.value.address !== address,
    );
    return wanted === '' ? null : (other?.contact.value.address ?? null);
  }

  /** Answers a request: from here what they say is taken. `name` is ours for them. */
  async accept(conversation: Conversation, name: string): Promise<void> {
    const { address, formerly } = conversation.contact.value;
    const old = formerly === null ? undefined : this.byAddress(formerly);
    if (old === undefined) {
      await conversation.change({ status: 'accepted', name, formerly: this.sameName(name, address) });
      this.#offerNotifications();
      return;
    }
    // A contact has moved: the conversation with it goes on at the new address, which nobody has verified yet.
    await this.remove(conversation);
    const moved: Contact = { ...old.record, address, formerly, verified: false };
    old.close();
    await this.history.putContact(moved);
    const next = new Conversation(this.#services, moved);
    this.conversations.value = this.conversations.value.map((one) => (one === old ? next : one));
    await next.load();
    this.select(moved.id);
  }

  /** Leaves a request unanswered: until the page is loaded anew it is refused. */
  async decline(conversation: Conversation): Promise<void> {
    this.#declined.add(conversation.contact.value.address);
    await this.remove(conversation);
  }

  /** Refuses a contact's channels from now on, and ends those that are open. */
  async block(conversation: Conversation): Promise<void> {
    await conversation.change({ status: 'blocked' });
    await this.#restart(conversation);
  }

  /** Takes a contact back. */
  async unblock(conversation: Conversation): Promise<void> {
    await conversation.change({ status: 'accepted' });
    conversation.link.call();
  }

  /** Removes a contact and all that was said. */
  async remove(conversation: Conversation): Promise<void> {
    conversation.files.clear();
    conversation.close();
    if (this.selected.value === conversation.contact.value.id) this.select(null);
    this.conversations.value = this.conversations.value.filter((one) => one !== conversation);
    await this.#services.files.remove(conversation.contact.value.id);
    await this.history.removeContact(conversation.contact.value.id);
  }

  /** Leaves: another tab, or nobody, goes on. */
  async close(): Promise<void> {
    this.#end();
    await this.#endpoint.close();
    this.history.close();
  }

  #listen(): void {
    this.#endpoint.addEventListener('state', ({ state, failure }: StateEvent) => {
      const before = this.connection.value;
      const since = before.state === state ? before.since : Date.now();
      this.connection.value = { state, since, failure: failure?.code ?? null };
      // Of this browser's tabs one at a time is connected, and writes the history: it is read anew when the turn comes back.
      if (state === 'waiting') this.#end();
      else if (before.state === 'waiting') void this.#begin();
      if (state === 'registered') for (const conversation of this.conversations.value) conversation.registered();
    });
    this.#endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
      const known = this.byAddress(socket.peer);
      if (socket.protocol === FILE_PROTOCOL) {
        if (known === undefined) socket.close();
        else void known.files.serve(socket);
      } else if (known !== undefined) known.link.adopt(socket);
      else {
        this.#meet(socket.peer, 'request').link.adopt(socket);
        notify(this.settings.value, '', 'Someone wants to talk to you');
      }
    });
  }

  #know(contacts: readonly Contact[]): void {
    this.conversations.value = contacts.map((contact) => new Conversation(this.#services, contact));
    this.#ready = true;
  }

  async #begin(): Promise<void> {
    const contacts = await this.history.contacts();
    if (this.connection.value.state === 'waiting') return;
    this.#know(contacts);
    await Promise.all(this.conversations.value.map((conversation) => conversation.load()));
    this.look();
  }

  #end(): void {
    this.#ready = false;
    for (const conversation of this.conversations.value) conversation.close();
    this.conversations.value = [];
  }

  #meet(address: string, status: ContactStatus): Conversation {
    const contact: Contact = {
      id: newId(),
      address,
      name: '',
      status,
      verified: false,
      formerly: null,
      addedAt: Date.now(),
      seen: NOTHING_SEEN,
      theySaw: 0,
      knewUs: false,
      muted: false,
    };
    const conversation = new Conversation(this.#services, contact);
    this.conversations.value = [...this.conversations.value, conversation];
    this.history.putContact(contact).catch(() => this.announce('This browser could not keep a contact.'));
    return conversation;
  }

  /** Ends a conversation's channels and begins it anew, under the rules that now hold. */
  async #restart(conversation: Conversation): Promise<void> {
    conversation.close();
    const next = new Conversation(this.#services, conversation.record);
    this.conversations.value = this.conversations.value.map((one) => (one === conversation ? next : one));
    await next.load();
    this.look();
  }

  async #moved(contact: Profile, move: Move): Promise<void> {
    const old = this.byAddress(move.from);
    const request = this.byAddress(contact.address);
    if (old?.contact.value.status !== 'accepted' || request?.contact.value.status !== 'request') return;
    if (isMoveTo(move, contact.address)) await request.change({ formerly: move.from });
  }

  /** A message has come while nobody could see it. */
  async #missed(contact: string): Promise<void> {
    // Among the last 50 messages, one of ours makes it a talk of both.
    const recent = await this.history.page(contact, Number.POSITIVE_INFINITY, 50);
    if (recent.some(({ mine }) => mine)) this.#offerNotifications();
  }

  #offerNotifications(): void {
    if (!this.settings.value.notificationsAnswered && canAskToNotify()) this.offersNotifications.value = true;
  }

  #requests(): number {
    return this.conversations.value.filter(({ contact }) => contact.value.status === 'request').length;
  }
}
