import { decodeHex, encodeHex, type Identity, naclProvider } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb';
import type { FileOffer } from './chat-protocol.js';

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
  /** The last of their messages that we have seen. */
  readonly seen: string | null;
  /** The place, among ours, of the last message that they have seen. */
  readonly theySaw: number;
  /** Whether they know us under the address that we had before. */
  readonly knewUs: boolean;
}

/** `offered` and `wanted` (asked for, to be gone on with) are a receiver's; a sender's is `offered` until it is `stored`. */
export type FileState = 'offered' | 'wanted' | 'stored' | 'cancelled' | 'withdrawn';

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
  /** Ours: the peer said that it has stored it. */
  readonly delivered: boolean;
  /** Theirs: it has been on the screen. */
  readonly seen: boolean;
}

interface MessageRow {
  contact: string;
  seq: number;
  key: string;
  /** There is still something to do for it: it waits to be sent, or to be fetched. */
  pending?: 1;
  unseen?: 1;
  box: Uint8Array;
}

interface Schema extends DBSchema {
  contacts: { key: string; value: { id: string; box: Uint8Array } };
  messages: {
    key: [string, number];
    value: MessageRow;
    indexes: { key: [string, string]; pending: [string, number]; unseen: [string, number] };
  };
  files: { key: [string, string]; value: { contact: string; id: string; file: Blob } };
}

const NONCE_BYTES = 24;
/** What the contacts in a backup begin with. */
export const CONTACTS_PREFIX = 'sws-chat-contacts-1.';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function databaseName(address: string): string {
  return `sws.chat.${address.slice(0, 16)}`;
}

/** Two people may choose one id; each has its own place. */
function messageKey(id: string, mine: boolean): string {
  return `${mine ? 'mine' : 'theirs'} ${id}`;
}

function isPending({ mine, delivered, file }: Message): boolean {
  if (mine) return !delivered && file?.state !== 'cancelled';
  return file?.state === 'wanted';
}

/** A random message id. */
export function newId(): string {
  return encodeHex(randomBytes(16));
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

  static async open(identity: Identity): Promise<History> {
    const db = await openDB<Schema>(databaseName(identity.publicKey), 1, {
      upgrade(database) {
        database.createObjectStore('contacts', { keyPath: 'id' });
        const messages = database.createObjectStore('messages', { keyPath: ['contact', 'seq'] });
        messages.createIndex('key', ['contact', 'key'], { unique: true });
        messages.createIndex('pending', ['contact', 'pending']);
        messages.createIndex('unseen', ['contact', 'unseen']);
        database.createObjectStore('files', { keyPath: ['contact', 'id'] });
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
    await this.#db.delete('contacts', id);
  }

  /** Removes all that was said with a contact. */
  async clear(id: string): Promise<void> {
    const tx = this.#db.transaction(['messages', 'files'], 'readwrite');
    await Promise.all([
      tx.objectStore('messages').delete(IDBKeyRange.bound([id], [id, []])),
      tx.objectStore('files').delete(IDBKeyRange.bound([id], [id, []])),
      tx.done,
    ]);
  }

  /** Adds a message behind the others, on disk when it resolves; `null` if it is there already. */
  async append(draft: Omit<Message, 'seq'>): Promise<Message | null> {
    const tx = this.#db.transaction('messages', 'readwrite', { durability: 'strict' });
    const key = messageKey(draft.id, draft.mine);
    if ((await tx.store.index('key').getKey([draft.contact, key])) !== undefined) return null;
    const last = await tx.store.openKeyCursor(IDBKeyRange.bound([draft.contact], [draft.contact, []]), 'prev');
    const message: Message = { ...draft, seq: (last?.key[1] ?? 0) + 1 };
    await tx.store.add(this.#row(message));
    await tx.done;
    return message;
  }

  async update(message: Message): Promise<void> {
    const tx = this.#db.transaction('messages', 'readwrite');
    // One that was deleted meanwhile stays deleted.
    if ((await tx.store.getKey([message.contact, message.seq])) !== undefined) await tx.store.put(this.#row(message));
    await tx.done;
  }

  async remove({ contact, seq, id }: Message): Promise<void> {
    await this.#db.delete('messages', [contact, seq]);
    await this.#db.delete('files', [contact, id]);
  }

  async find(contact: string, id: string, mine: boolean): Promise<Message | null> {
    const row = await this.#db.getFromIndex('messages', 'key', [contact, messageKey(id, mine)]);
    return row === undefined ? null : this.#message(row);
  }

  /** The last `count` messages before a place, oldest first. */
  async page(contact: string, before: number, count: number): Promise<Message[]> {
    const found: Message[] = [];
    const range = IDBKeyRange.bound([contact], [contact, before], false, true);
    let cursor = await this.#db.transaction('messages').store.openCursor(range, 'prev');
    while (cursor !== null && found.length < count) {
      found.push(this.#message(cursor.value));
      cursor = await cursor.continue();
    }
    return found.reverse();
  }

  /** What waits to be sent or fetched, oldest first. */
  async pending(contact: string): Promise<Message[]> {
    return (await this.#db.getAllFromIndex('messages', 'pending', [contact, 1])).map((row) => this.#message(row));
  }

  /** All contacts in one line of text, sealed under the identity: part of a backup. */
  async exportContacts(): Promise<string> {
    return `${CONTACTS_PREFIX}${encodeHex(this.#seal(await this.contacts()))}`;
  }

  /** Adds the contacts of a backup, but those that are here already. @throws Error where it is not this identity's */
  async importContacts(text: string): Promise<void> {
    // Mail and paper break lines.
    const sealed = decodeHex(text.slice(CONTACTS_PREFIX.length).replace(/\s+/g, ''));
    if (sealed === null) throw new Error('the contacts in this backup are damaged');
    const known = new Set((await this.contacts()).map(({ address }) => address));
    // What they have seen was said on another device.
    for (const contact of this.#unseal<readonly Contact[]>(sealed))
      if (!known.has(contact.address)) await this.putContact({ ...contact, seen: null, theySaw: 0 });
  }

  async unseenCount(contact: string): Promise<number> {
    return this.#db.countFromIndex('messages', 'unseen', [contact, 1]);
  }

  /** Notes that everything has been on the screen; the last one's id, if anything had not. */
  async markSeen(contact: string): Promise<string | null> {
    const tx = this.#db.transaction('messages', 'readwrite');
    let last: string | null = null;
    for await (const cursor of tx.store.index('unseen').iterate([contact, 1])) {
      const message = this.#message(cursor.value);
      last = message.id;
      await cursor.update(this.#row({ ...message, seen: true }));
    }
    await tx.done;
    return last;
  }

  /** Keeps a file to send, outside the page's memory. The browser copies it: the original may change or go. */
  async putFile(contact: string, id: string, file: Blob): Promise<void> {
    await this.#db.put('files', { contact, id, file });
  }

  async file(contact: string, id: string): Promise<Blob | null> {
    return (await this.#db.get('files', [contact, id]))?.file ?? null;
  }

  async removeFile(contact: string, id: string): Promise<void> {
    await this.#db.delete('files', [contact, id]);
  }

  #row(message: Message): MessageRow {
    return {
      contact: message.contact,
      seq: message.seq,
      key: messageKey(message.id, message.mine),
      ...(isPending(message) ? { pending: 1 as const } : {}),
      ...(message.mine || message.seen ? {} : { unseen: 1 as const }),
      box: this.#seal(message),
    };
  }

  #message(row: MessageRow): Message {
    return this.#unseal<Message>(row.box);
  }

  #seal(value: Contact | Message | readonly Contact[]): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const plaintext = encoder.encode(JSON.stringify(value));
    const sealed = new Uint8Array(NONCE_BYTES + plaintext.length + 16);
    sealed.set(nonce);
    naclProvider.secretboxSeal(this.#key, nonce, plaintext, sealed.subarray(NONCE_BYTES));
    return sealed;
  }

  /** What this page sealed earlier. @throws Error where the database was altered, or is another identity's */
  #unseal<T extends Contact | Message | readonly Contact[]>(sealed: Uint8Array): T {
    const plaintext = naclProvider.secretboxOpen(
      this.#key,
      sealed.subarray(0, NONCE_BYTES),
      sealed.subarray(NONCE_BYTES),
    );
    if (plaintext === null) throw new Error('the stored history does not open with this identity');
    return JSON.parse(decoder.decode(plaintext)) as T;
  }
}
