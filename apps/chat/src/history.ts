import { type Identity, randomBytes } from '@sws/client';
import { encodeHex } from '@sws/crypto';
import { type DBSchema, deleteDB, type IDBPDatabase, openDB, unwrap } from 'idb';
import type { FileOffer } from './chat-protocol.js';
import { openBytes, sealBytes } from './sealed.js';

/** Whether a contact may write to us. */
export type ContactStatus = 'accepted' | 'request' | 'blocked';

/** Someone with whom we talk, or who asks to. */
export interface Contact {
  /** Local and random: what the database shows without the identity. */
  readonly id: string;
  readonly address: string;
  /** Ours for them; empty until we give one. */
  readonly name: string;
  readonly status: ContactStatus;
  /** Whether fingerprints were compared for this address. */
  readonly verified: boolean;
  /** The address that we knew this person, or another of this name, under. */
  readonly formerly: string | null;
  readonly addedAt: number;
  /** The last of their messages that has been on the screen, and its place: all before it have been there, too. */
  readonly seen: { readonly id: string | null; readonly seq: number };
  /** The place, among ours, of the last message that they have seen. */
  readonly theySaw: number;
  /** Whether they know us under the address that we had before. */
  readonly knewUs: boolean;
  /** No notification of theirs, and no count in the title. */
  readonly muted: boolean;
}

/** Nothing of theirs has been on the screen. */
export const NOTHING_SEEN: Contact['seen'] = { id: null, seq: 0 };

/** A contact without what each of the two has seen, which changes with every message. */
export type Profile = Omit<Contact, 'seen' | 'theySaw'>;

/** What a contact is called here. */
export function nameOf({ name, address }: Profile): string {
  return name === '' ? `unknown ${address.slice(0, 4)}` : name;
}

/** `offered` and `wanted` (asked for, to be gone on with) are a receiver's; a sender's is `offered` until it is `stored`. */
export type FileState = 'offered' | 'wanted' | 'stored' | 'cancelled' | 'withdrawn' | 'failed';

/** One message of a conversation. */
export interface Message {
  readonly contact: string;
  /** Its place in the conversation here. */
  readonly seq: number;
  readonly id: string;
  readonly mine: boolean;
  readonly at: number;
  readonly text: string;
  readonly file: (FileOffer & { readonly state: FileState }) | null;
  /** The id of the message that it answers. */
  readonly reply: string | null;
  /** Ours: deleted for both, and still to be told to the peer. */
  readonly retracted: boolean;
  /** Ours: the peer said that it has stored it. */
  readonly delivered: boolean;
}

interface MessageRow {
  contact: string;
  seq: number;
  key: string;
  /** There is still something to do for it: it waits to be sent, or to be fetched. */
  pending?: 1;
  theirs?: 1;
  box: Uint8Array;
}

interface Schema extends DBSchema {
  contacts: { key: string; value: { id: string; box: Uint8Array } };
  messages: {
    key: [string, number];
    value: MessageRow;
    indexes: { key: [string, string]; pending: [string, number]; theirs: [string, number, number] };
  };
  notes: { key: string; value: { id: string; box: Uint8Array } };
}

/** Messages that a search opens at a time: between them the page draws. */
const SEARCH_PAGE = 200;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function databaseName(address: string): string {
  return `sws.chat.${address.slice(0, 16)}`;
}

/** Two people may choose one id; each has its own place. */
export function messageKey(id: string, mine: boolean): string {
  return `${mine ? 'mine' : 'theirs'} ${id}`;
}

/** What a contact has said behind a place: a range of the index `theirs`. */
function theirsAfter(contact: string, after: number): IDBKeyRange {
  return IDBKeyRange.bound([contact, 1, after], [contact, 1, Number.POSITIVE_INFINITY], true);
}

/** The name of the note that holds what is being written to a contact. */
export function draftNote(contact: string): string {
  return `draft ${contact}`;
}

function isPending({ mine, delivered, file, retracted }: Message): boolean {
  if (retracted) return true;
  if (mine) return !delivered && file?.state !== 'cancelled';
  return file?.state === 'wanted';
}

/** A random message id. */
export function newId(): string {
  return encodeHex(randomBytes(16));
}

/** A message of ours, still without content and place. */
export function newMessage(contact: string): Omit<Message, 'seq'> {
  return {
    contact,
    id: newId(),
    mine: true,
    at: Date.now(),
    text: '',
    file: null,
    reply: null,
    retracted: false,
    delivered: false,
  };
}

/**
 * Contacts and messages in IndexedDB. What people said, their names and their addresses are sealed (secretbox) under a
 * key of the identity: without it the database shows random ids, how many there are, and how long.
 */
export class History {
  readonly #db: IDBPDatabase<Schema>;
  readonly #key: Uint8Array;

  private constructor(db: IDBPDatabase<Schema>, key: Uint8Array) {
    this.#db = db;
    this.#key = key;
  }

  /** @throws DOMException `VersionError` where a newer version of the page has written it: an older one keeps away */
  static async open(identity: Identity): Promise<History> {
    const db = await openDB<Schema>(databaseName(identity.publicKey), 1, {
      // A newer page wants it: this one makes way, and begins anew as that version.
      blocking(_current, _wanted, { target }) {
        (target as IDBDatabase).close();
        location.reload();
      },
      upgrade(database) {
        database.createObjectStore('contacts', { keyPath: 'id' });
        const messages = database.createObjectStore('messages', { keyPath: ['contact', 'seq'] });
        messages.createIndex('key', ['contact', 'key'], { unique: true });
        messages.createIndex('pending', ['contact', 'pending']);
        messages.createIndex('theirs', ['contact', 'theirs', 'seq']);
        database.createObjectStore('notes', { keyPath: 'id' });
      },
    });
    return new History(db, identity.storageKey('sws.chat history'));
  }

  /** Erases the history of an address. */
  static async erase(address: string): Promise<void> {
    await deleteDB(databaseName(address));
  }

  close(): void {
    this.#db.close();
  }

  async contacts(): Promise<Contact[]> {
    return (await this.#db.getAll('contacts')).map(({ box }) => this.#unseal<Contact>(box));
  }

  async putContact(contact: Contact): Promise<void> {
    await this.#db.put('contacts', { id: contact.id, box: this.#seal(contact) });
  }

  /** Removes a contact with all that was said. */
  async removeContact(id: string): Promise<void> {
    await this.clear(id);
    await this.#db.delete('notes', draftNote(id));
    await this.#db.delete('contacts', id);
  }

  /** Removes all that was said with a contact. */
  async clear(id: string): Promise<void> {
    await this.#db.delete('messages', IDBKeyRange.bound([id], [id, []]));
  }

  /**
   * Adds messages of one contact behind the others, on disk when it resolves; without those that are there already. No
   * place up to `after` is given again, even if its message was deleted.
   */
  async append(drafts: readonly Omit<Message, 'seq'>[], after: number): Promise<Message[]> {
    const tx = this.#db.transaction('messages', 'readwrite', { durability: 'strict' });
    const added: Message[] = [];
    const contact = drafts[0]?.contact ?? '';
    const last = await tx.store.openKeyCursor(IDBKeyRange.bound([contact], [contact, []]), 'prev');
    let seq = Math.max(last?.key[1] ?? 0, after);
    for (const draft of drafts) {
      const message: Message = { ...draft, seq: ++seq };
      const request = unwrap(tx.store).add(this.#row(message));
      request.onsuccess = () => added.push(message);
      request.onerror = (event) => {
        // The index `key` has it: that is no reason to give up the others.
        if (request.error?.name !== 'ConstraintError') return;
        event.preventDefault();
        event.stopPropagation();
      };
    }
    await tx.done;
    return added;
  }

  /** Replaces messages; those that were deleted meanwhile stay deleted. */
  async update(messages: readonly Message[]): Promise<void> {
    const tx = this.#db.transaction('messages', 'readwrite');
    for (const message of messages)
      if ((await tx.store.getKey([message.contact, message.seq])) !== undefined) await tx.store.put(this.#row(message));
    await tx.done;
  }

  /** A small thing that the page keeps by name, such as a draft; `null` if it was never kept. */
  async note<T extends object>(id: string): Promise<T | null> {
    const row = await this.#db.get('notes', id);
    return row === undefined ? null : this.#unseal<T>(row.box);
  }

  async putNote(id: string, value: object): Promise<void> {
    await this.#db.put('notes', { id, box: this.#seal(value) });
  }

  async remove({ contact, seq }: Message): Promise<void> {
    await this.#db.delete('messages', [contact, seq]);
  }

  async find(contact: string, id: string, mine: boolean): Promise<Message | null> {
    const row = await this.#db.getFromIndex('messages', 'key', [contact, messageKey(id, mine)]);
    return row === undefined ? null : this.#message(row);
  }

  /** Messages that hold the words, the latest first; `found` says whether to go on. A scan: no index lies on the disk. */
  async search(words: string, found: (message: Message) => boolean): Promise<void> {
    const wanted = words.toLowerCase();
    for (const { id } of await this.contacts()) {
      let before = Number.POSITIVE_INFINITY;
      for (;;) {
        const page = await this.page(id, before, SEARCH_PAGE);
        for (const message of page.toReversed()) {
          const text = `${message.text} ${message.file?.name ?? ''}`.toLowerCase();
          if (text.includes(wanted) && !found(message)) return;
        }
        before = page[0]?.seq ?? 0;
        if (page.length < SEARCH_PAGE) break;
      }
    }
  }

  /** The last `count` messages before a place, oldest first. */
  async page(contact: string, before: number, count: number): Promise<Message[]> {
    const { store } = this.#db.transaction('messages');
    let found: Message[] = [];
    let end = before;
    // Where some were deleted, a stretch of places holds fewer than it is long.
    while (found.length < count) {
      const last = await store.openKeyCursor(IDBKeyRange.bound([contact], [contact, end], false, true), 'prev');
      if (last === null) break;
      end = last.key[1] - (count - found.length) + 1;
      const rows = await store.getAll(IDBKeyRange.bound([contact, end], last.key));
      found = [...rows.map((row) => this.#message(row)), ...found];
    }
    return found;
  }

  /** The first `count` messages behind a place, oldest first. */
  async pageAfter(contact: string, after: number, count: number): Promise<Message[]> {
    const range = IDBKeyRange.bound([contact, after], [contact, []], true);
    return (await this.#db.getAll('messages', range, count)).map((row) => this.#message(row));
  }

  /** What waits to be sent or fetched, oldest first. */
  async pending(contact: string): Promise<Message[]> {
    return (await this.#db.getAllFromIndex('messages', 'pending', [contact, 1])).map((row) => this.#message(row));
  }

  /** How many messages there are. */
  async count(): Promise<number> {
    return this.#db.count('messages');
  }

  /** Puts messages of a backup at their places. */
  async restore(messages: readonly Message[]): Promise<void> {
    const { store, done } = this.#db.transaction('messages', 'readwrite');
    for (const message of messages) void store.put(this.#row(message));
    await done;
  }

  /** The place of the first that a contact has said behind a place; `null` where there is none. */
  async firstAfter(contact: string, after: number): Promise<number | null> {
    const index = this.#db.transaction('messages').store.index('theirs');
    return (await index.openKeyCursor(theirsAfter(contact, after)))?.primaryKey[1] ?? null;
  }

  /** How many messages a contact has said behind a place. */
  async countAfter(contact: string, after: number): Promise<number> {
    return this.#db.countFromIndex('messages', 'theirs', theirsAfter(contact, after));
  }

  #row(message: Message): MessageRow {
    return {
      contact: message.contact,
      seq: message.seq,
      key: messageKey(message.id, message.mine),
      ...(isPending(message) ? { pending: 1 as const } : {}),
      ...(message.mine ? {} : { theirs: 1 as const }),
      box: this.#seal(message),
    };
  }

  #message(row: MessageRow): Message {
    return this.#unseal<Message>(row.box);
  }

  #seal(value: object): Uint8Array {
    return sealBytes(this.#key, encoder.encode(JSON.stringify(value)));
  }

  /** What this page sealed earlier. @throws Error where the database was altered, or is another identity's */
  #unseal<T extends object>(sealed: Uint8Array): T {
    const plaintext = openBytes(this.#key, sealed);
    if (plaintext === null) throw new Error('the stored history does not open with this identity');
    return JSON.parse(decoder.decode(plaintext)) as T;
  }
}
