import { Identity, type KeyStore } from '@sws/crypto';
import { randomBytes, webStorageStore } from '@sws/crypto/platform';

const FIRST = 'sws.identity';
/** Set in a window that goes on as a second person: its identity lives and dies with the window. */
const SECOND = 'sws.second-person';

async function load(store: KeyStore): Promise<Identity> {
  return Identity.fromSeed(await store.loadOrCreate(() => randomBytes(32)));
}

/** Holds a lock for as long as this window lives; false if another window has it. */
function holdLock(name: string): Promise<boolean> {
  // Web Locks need a secure context; without them (plain http to another machine) the relay's newest-wins rule decides.
  if (!('locks' in navigator)) return Promise.resolve(true);
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise<never>(() => {});
    });
  });
}

export type OwnIdentity =
  | { readonly state: 'ready'; readonly identity: Identity; readonly second: boolean }
  | { readonly state: 'in-use'; readonly address: string };

/** This window's identity: the profile's own, or a second person's. Two windows never fight for one registration. */
export async function ownIdentity(): Promise<OwnIdentity> {
  if (sessionStorage.getItem(SECOND) !== null) {
    const second = await load(webStorageStore(sessionStorage, SECOND));
    if (await holdLock(`sws ${second.publicKey}`)) return { state: 'ready', identity: second, second: true };
    // A duplicated tab copies its session storage: the copy becomes someone new.
    sessionStorage.removeItem(SECOND);
    return ownIdentityAsSecond();
  }
  const own = await load(webStorageStore(localStorage, FIRST));
  if (await holdLock(`sws ${own.publicKey}`)) return { state: 'ready', identity: own, second: false };
  return { state: 'in-use', address: own.publicKey };
}

/** From here this window is a second person. */
export async function ownIdentityAsSecond(): Promise<OwnIdentity> {
  const second = await load(webStorageStore(sessionStorage, SECOND));
  await holdLock(`sws ${second.publicKey}`);
  return { state: 'ready', identity: second, second: true };
}
