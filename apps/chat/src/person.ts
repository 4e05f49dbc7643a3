import { Identity, type KeyStore, randomBytes } from '@sws/client';
import { indexedDbStore, webStorageStore } from '@sws/crypto/platform';
import type { Move } from './chat-protocol.js';
import { FileStore } from './file-store.js';
import { History, NOTHING_SEEN } from './history.js';
import { signMove } from './move.js';

const IDENTITY = 'sws.identity';
/** In a window that goes on as somebody else: which of this browser's people it is. */
const NUMBER = 'sws.person';

/** Which of this browser's people this window is; the first, unless it was told otherwise. */
function personNumber(): number {
  return Number(sessionStorage.getItem(NUMBER) ?? '1') || 1;
}

function storageName(): string {
  const number = personNumber();
  return number === 1 ? IDENTITY : `${IDENTITY}.${number}`;
}

/** Makes this window another of the browser's people, from the next load on. */
export function becomeNextPerson(): void {
  sessionStorage.setItem(NUMBER, String(personNumber() + 1));
}

/** Whether this window is not the browser's first person. */
export function isOtherPerson(): boolean {
  return personNumber() > 1;
}

function store(): KeyStore {
  const key = storageName();
  return indexedDbStore({ key, inherit: webStorageStore(localStorage, key) });
}

/** Who this window is; made on the first visit. @throws SwsError `identity-damaged`, `store-unavailable` */
export async function loadIdentity(): Promise<Identity> {
  return Identity.fromSeed(await store().loadOrCreate(() => randomBytes(32)));
}

/** Other tabs hear that somebody else is at home here from now on: they begin anew. */
const replaced = new BroadcastChannel('sws.chat identity replaced');
replaced.onmessage = () => location.reload();

/** Proof of the address that this identity had before, if it moved. */
export function loadMove(): Move | null {
  const text = localStorage.getItem(`${storageName()}.move`);
  return text === null ? null : (JSON.parse(text) as Move);
}

/** Makes somebody else at home in this window, from the next load on. */
export async function replaceIdentity(seed: Uint8Array): Promise<void> {
  localStorage.removeItem(`${storageName()}.move`);
  await store().replace(seed);
  replaced.postMessage(null);
}

/** Erases all that an address has kept here. */
export async function erase(address: string): Promise<void> {
  await FileStore.erase(address);
  await History.erase(address);
}

/** Becomes somebody new: another address, no contacts, no history. */
export async function startOver(current: Identity, leave: () => Promise<void>): Promise<void> {
  await leave();
  await replaceIdentity(randomBytes(32));
  await erase(current.publicKey);
}

/**
 * Takes a new address and keeps the contacts, who are told of it in words that the old identity has signed. What was said
 * is erased with the old identity.
 */
export async function moveToNewAddress(current: Identity, history: History, leave: () => Promise<void>): Promise<void> {
  const seed = randomBytes(32);
  const next = Identity.fromSeed(seed);
  const nextHistory = await History.open(next);
  for (const contact of await history.contacts())
    await nextHistory.putContact({ ...contact, seen: NOTHING_SEEN, theySaw: 0, knewUs: contact.status === 'accepted' });
  nextHistory.close();
  await leave();
  const move = signMove(current, next.publicKey);
  await replaceIdentity(seed);
  localStorage.setItem(`${storageName()}.move`, JSON.stringify(move));
  await erase(current.publicKey);
}
