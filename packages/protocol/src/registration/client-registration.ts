import { type CryptoProvider, decodeHex, encodeHex, type IdentityLike, verifySignature } from '@sws/crypto';
import { failureOfCloseCode } from '../failures.js';
import type { ClientFrame, Encoding } from '../frames/client-frames.js';
import { type Challenge, decodeRelayFrame, type Limits } from '../frames/relay-frames.js';
import type { Failure } from '../result.js';
import { registeredMessage, registerMessage } from './transcript.js';

/** The client limits the relay's keepalive (seconds) to this range. */
export const MIN_KEEPALIVE_S = 5;
export const MAX_KEEPALIVE_S = 60;

export type ClientRegistrationEvent =
  | {
      readonly type: 'registered';
      readonly term: number;
      readonly limits: Limits;
      readonly keepaliveMs: number;
      readonly serverKey: string;
    }
  | { readonly type: 'failed'; readonly failure: Failure };

export interface ClientRegistrationOptions {
  readonly identity: IdentityLike;
  readonly provider: CryptoProvider;
  /** The dialled authority: WHATWG `URL.host`, normalised. */
  readonly host: string;
  /** 32 random bytes. */
  readonly clientNonce: Uint8Array;
  readonly encoding: Encoding;
  /** The last term received for this key; 0 at first and after `term-refused`. */
  readonly lastTerm: number;
  /** A credential for the relay's `authorize`, at most 1 KiB. */
  readonly token?: string | undefined;
  /** The relay's signing key, if it is pinned. */
  readonly serverKey?: string | undefined;
}

/**
 * The client's side of registration (PROTOCOL §2). Order: `handleFrame`, then `pollFrame` until `null`, then
 * `pollEvent` until `null`. The shell limits its time.
 */
export class ClientRegistration {
  readonly #options: ClientRegistrationOptions;
  /** The answer to the CHALLENGE and its relay; `null` before the CHALLENGE. */
  #answered: { readonly serverKey: Uint8Array; readonly register: Uint8Array; readonly signed: Uint8Array } | null =
    null;
  #frames: ClientFrame[] = [];
  #event: ClientRegistrationEvent | null = null;
  #done = false;

  constructor(options: ClientRegistrationOptions) {
    this.#options = options;
  }

  /** The next frame to send, or `null`. */
  pollFrame(): ClientFrame | null {
    return this.#frames.shift() ?? null;
  }

  /** The result of the registration; `null` for nothing new. */
  pollEvent(): ClientRegistrationEvent | null {
    const event = this.#event;
    this.#event = null;
    return event;
  }

  /** A text frame arrived. */
  handleFrame(text: string): void {
    if (this.#done) return;
    const decoded = decodeRelayFrame(text);
    if (!decoded.ok) return this.#fail(decoded.failure);
    const frame = decoded.value;
    switch (frame.type) {
      case 'CHALLENGE':
        return this.#answer(frame);
      case 'REGISTER_SUCCESS': {
        const answered = this.#answered;
        if (answered === null || frame.publicKey !== this.#options.identity.publicKey)
          return this.#fail({ code: 'bad-frame', detail: 'REGISTER_SUCCESS out of turn or for another key' });
        const signature = decodeHex(frame.signature) ?? new Uint8Array(0);
        const { provider } = this.#options;
        const message = registeredMessage(provider, answered.register, answered.signed, frame.term);
        if (!verifySignature(provider, answered.serverKey, message, signature)) {
          return this.#fail({ code: 'wrong-server-key', detail: 'the relay’s signature does not verify' });
        }
        this.#done = true;
        const seconds = Math.min(MAX_KEEPALIVE_S, Math.max(MIN_KEEPALIVE_S, frame.keepalive));
        this.#event = {
          type: 'registered',
          term: frame.term,
          limits: frame.limits,
          keepaliveMs: seconds * 1000,
          serverKey: encodeHex(answered.serverKey),
        };
        return;
      }
      case 'REGISTER_FAILURE':
      case 'ERROR':
        return this.#fail({ code: failureOfCloseCode(frame.code), detail: `the relay refused: ${frame.reason}` });
      case 'UNKNOWN':
        return;
      default:
        return this.#fail({ code: 'bad-frame', detail: `${frame.type} before registration` });
    }
  }

  #answer(challenge: Challenge): void {
    const { identity, host, encoding, lastTerm, token, serverKey: pinned } = this.#options;
    if (this.#answered !== null) return this.#fail({ code: 'bad-frame', detail: 'a second CHALLENGE' });
    // Sign nothing for a relay other than the pinned one.
    if (pinned !== undefined && challenge.serverKey !== pinned)
      return this.#fail({ code: 'wrong-server-key', detail: 'serverKey is not the pinned one' });
    const clientNonce = encodeHex(this.#options.clientNonce);
    const { publicKey, signingKey } = identity;
    const register = registerMessage({
      nonce: challenge.nonce,
      serverKey: challenge.serverKey,
      publicKey,
      signingKey,
      clientNonce,
      host,
      token: token ?? '',
      lastTerm,
    });
    const signed = identity.signLabelled('register', register);
    this.#answered = { serverKey: decodeHex(challenge.serverKey) ?? new Uint8Array(0), register, signed };
    this.#frames.push({
      type: 'CHALLENGE_RESPONSE',
      publicKey,
      signingKey,
      host,
      clientNonce,
      signedNonce: encodeHex(signed),
      encoding,
      lastTerm,
      token,
    });
  }

  #fail(failure: Failure): void {
    this.#done = true;
    this.#event = { type: 'failed', failure };
  }
}
