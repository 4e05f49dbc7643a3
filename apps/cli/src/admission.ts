import { fingerprint, SwsError } from '@sws/crypto';
import { type Contact, type Contacts, calledBy, changeContacts } from './contacts.js';
import { parsePeers } from './destination.js';
import { askAdmission, canAsk } from './prompt.js';
import { BUSY, type Line } from './station/line.js';

export interface AdmissionFlags {
  /** The peers that are admitted, by address or name. */
  readonly allow?: readonly string[];
  /** Whether to admit everyone. */
  readonly acceptAll?: boolean;
}

/** Close code: the user, or a rule of theirs, declines this peer. */
export const DECLINED = 4003;
/** The most peers that wait for an answer at a time. */
const MAX_ASKED = 8;
/** The most peers whose answer is remembered, so that a peer cannot ask again and again. */
const MAX_REMEMBERED = 1_000;

/** Decides which peers are admitted: those in flags and contacts, and those that the person at the terminal accepts. */
export class Admission {
  readonly contacts: Contacts;
  /** The name in contacts for what peers are admitted to. */
  readonly scope: string;
  readonly #asks: boolean;
  readonly #allowed: Set<string> | null;
  readonly #answers = new Map<string, Promise<boolean>>();
  #asked = 0;

  /**
   * `json`: standard output, or error, is for a script. @throws SwsError `nobody-admitted` if nobody could be admitted
   */
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

  /** The keys that can be admitted; `null` if every peer may ask. */
  get only(): readonly string[] | null {
    return this.#asks || this.#allowed === null ? null : [...this.#allowed];
  }
  /** Whether the person is asked about strangers. */
  get asks(): boolean {
    return this.#asks;
  }

  /** Whether a peer is admitted without a question; `null` if the person must be asked. */
  isAdmitted(peer: string): boolean | null {
    if (this.#allowed === null || this.#allowed.has(peer)) return true;
    return this.#asks ? null : false;
  }

  /** Whether a peer may connect to `own`, an address. If not, tells it so and closes its line. */
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

  /** Returns the beginning of a question: who the peer is, and the fingerprint to compare. */
  whoIs(peer: string, own: string): string {
    return `${calledBy(this.contacts, peer)}\n  fingerprint ${fingerprint(own, peer)}`;
  }

  /** Admits a peer from now on, also in later runs. */
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
      // Ask again later about a peer that left before the answer.
      if (answer === null) this.#answers.delete(line.peer);
      return answer === 'once' || answer === 'always';
    } finally {
      this.#asked--;
    }
  }
}
