import { fingerprint, SwsError } from '@sws/crypto';
import { type Contact, type Contacts, calledBy, changeContacts } from './contacts.js';
import { parsePeers } from './destination.js';
import { askAdmission, canAsk } from './prompt.js';
import { BUSY, type Line } from './station/line.js';

export interface AdmissionFlags {
  /** Who may come in, by address or name. */
  readonly allow?: readonly string[];
  /** Everyone may. */
  readonly acceptAll?: boolean;
}

/** Close code: the user, or a rule of theirs, does not want this peer. */
export const DECLINED = 4003;
/** Peers that wait for an answer at a time. */
const MAX_ASKED = 8;
/** Peers whose answer is remembered, so that nobody can ask again and again. */
const MAX_REMEMBERED = 1_000;

/** Decides who may come in: those that flags and contacts name, and whom the person at the terminal lets in. */
export class Admission {
  readonly contacts: Contacts;
  /** What is admitted to, as contacts name it. */
  readonly scope: string;
  readonly #asks: boolean;
  readonly #allowed: Set<string> | null;
  readonly #answers = new Map<string, Promise<boolean>>();
  #asked = 0;

  /** `json` says that standard output, or error, is for a script. @throws SwsError `nobody-admitted` where nobody could come in */
  constructor(flags: AdmissionFlags, scope: string, contacts: Contacts, json: boolean) {
    this.scope = scope;
    this.contacts = contacts;
    const named = parsePeers(flags.allow, contacts);
    const always = [...contacts.values()].filter(({ allow }) => allow.includes(scope)).map(({ address }) => address);
    this.#asks = flags.acceptAll !== true && named === null && canAsk() && !json;
    this.#allowed = flags.acceptAll === true ? null : new Set([...(named ?? []), ...(named === null ? always : [])]);
    if (!this.#asks && this.#allowed?.size === 0)
      throw new SwsError(
        'nobody-admitted',
        'nobody may connect: use --allow <address or name…> or --accept-all, or run it at a terminal to be asked',
      );
  }

  /** Those who can come in at all; `null` for everyone who may ask. */
  get only(): readonly string[] | null {
    return this.#asks || this.#allowed === null ? null : [...this.#allowed];
  }
  /** Whether strangers are asked about. */
  get asks(): boolean {
    return this.#asks;
  }

  /** Whether a peer is let in without a question; `null` for one that has to be asked about. */
  isAdmitted(peer: string): boolean | null {
    if (this.#allowed === null || this.#allowed.has(peer)) return true;
    return this.#asks ? null : false;
  }

  /** Whether a peer may come in to `own`, an address. One that may not is told, and its line closed. */
  async admits(line: Line, own: string): Promise<boolean> {
    const { peer } = line;
    const known = this.isAdmitted(peer);
    if (known === true) return true;
    let answer = this.#answers.get(peer);
    if (answer === undefined && known === null) {
      if (this.#asked >= MAX_ASKED || this.#answers.size >= MAX_REMEMBERED) {
        line.close(BUSY, 'waiting for answers about other peers');
        line.drain();
        return false;
      }
      answer = this.#ask(line, own);
      this.#answers.set(peer, answer);
    }
    if (await answer) return true;
    line.close(DECLINED, 'declined');
    line.drain();
    return false;
  }

  /** The question's text: who it is, and what to compare. */
  whoIs(peer: string, own: string): string {
    return `${calledBy(this.contacts, peer)}\n  fingerprint ${fingerprint(own, peer)}`;
  }

  /** Lets a peer in from now on, also in later runs. */
  async allowAlways(peer: string): Promise<void> {
    this.#allowed?.add(peer);
    await changeContacts((contacts) => {
      const known = [...contacts].find(([, { address }]) => address === peer);
      const [name, contact]: [string, Contact] = known ?? [
        peer.slice(0, 16),
        { address: peer, relay: null, allow: [] },
      ];
      contacts.set(name, { ...contact, allow: [...new Set([...contact.allow, this.scope])] });
    });
  }

  async #ask(line: Line, own: string): Promise<boolean> {
    const gone = new AbortController();
    void line.closed.then(() => gone.abort());
    this.#asked++;
    try {
      const answer = await askAdmission(
        `${this.whoIs(line.peer, own)}\nwants to connect (${this.scope}). Accept?`,
        gone.signal,
      );
      if (answer === 'always') await this.allowAlways(line.peer);
      // Who is gone before the answer is asked about when they come again.
      if (answer === null) this.#answers.delete(line.peer);
      return answer === 'once' || answer === 'always';
    } finally {
      this.#asked--;
    }
  }
}
