import { type CryptoProvider, decodeHex, encodeHex, type IdentityLike, verifySignature } from '@sws/crypto';
import { failureOfCloseCode } from '../failures.js';
import type { ClientFrame, Encoding } from '../frames/client-frames.js';
import { type Challenge, decodeRelayFrame, type Limits, type RelayFrame } from '../frames/relay-frames.js';
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
  | { readonly type: 'failed'; readonly failure: Failure }
  | SignatureTask;

/** Work for the shell if `asksShell`. It passes the result to `handleSignature`, and the machine goes on. */
export type SignatureTask =
  /** Sign this with the identity. The result is the signature, 64 bytes. */
  | { readonly type: 'sign'; readonly message: Uint8Array }
  /** Verify this as `verifySignature` does. The result says whether it is valid. */
  | {
      readonly type: 'verify';
      readonly signingKey: Uint8Array;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    };

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
  /** Whether the shell signs and verifies (`SignatureTask`): it may do so without stopping its thread. */
  readonly asksShell?: boolean | undefined;
}

/**
 * The client's side of registration (PROTOCOL §2). Order: `handleFrame`, then `pollFrame` until `null`, then
 * `pollEvent` until `null`. The shell limits its time.
 */
export class ClientRegistration {
  readonly #options: ClientRegistrationOptions;
  /** What the CHALLENGE asked to sign, by which relay; `null` before it. */
  #asked: { readonly serverKey: Uint8Array; readonly register: Uint8Array } | null = null;
  /** The signature of the answer to the CHALLENGE. */
  #signed: Uint8Array | null = null;
  #success: Extract<RelayFrame, { type: 'REGISTER_SUCCESS' }> | null = null;
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

  /** Whether the relay has registered this client, and its signature is being verified. Its next frames must wait. */
  get verifies(): boolean {
    return this.#success !== null && !this.#done;
  }

  /** The signature, or whether the relay's is valid: the result of the last `SignatureTask`. */
  handleSignature(result: Uint8Array | boolean): void {
    if (this.#done) return;
    if (typeof result !== 'boolean') this.#respond(result);
    else if (result && this.#success !== null) this.#succeed(this.#success);
    else this.#fail({ code: 'wrong-server-key', detail: 'the relay’s signature does not verify' });
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
        const [asked, signed] = [this.#asked, this.#signed];
        if (asked === null || signed === null || frame.publicKey !== this.#options.identity.publicKey)
          return this.#fail({ code: 'bad-frame', detail: 'REGISTER_SUCCESS out of turn or for another key' });
        const { provider, asksShell } = this.#options;
        const message = registeredMessage(provider, asked.register, signed, frame.term);
        const signature = decodeHex(frame.signature) ?? new Uint8Array(0);
        this.#success = frame;
        if (asksShell === true) this.#event = { type: 'verify', signingKey: asked.serverKey, message, signature };
        else this.handleSignature(verifySignature(provider, asked.serverKey, message, signature));
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
    const { identity, host, lastTerm, token, serverKey: pinned, asksShell } = this.#options;
    if (this.#asked !== null) return this.#fail({ code: 'bad-frame', detail: 'a second CHALLENGE' });
    // Sign nothing for a relay other than the pinned one.
    if (pinned !== undefined && challenge.serverKey !== pinned)
      return this.#fail({ code: 'wrong-server-key', detail: 'serverKey is not the pinned one' });
    const message = registerMessage({
      nonce: challenge.nonce,
      serverKey: challenge.serverKey,
      publicKey: identity.publicKey,
      signingKey: identity.signingKey,
      clientNonce: encodeHex(this.#options.clientNonce),
      host,
      token: token ?? '',
      lastTerm,
    });
    this.#asked = { serverKey: decodeHex(challenge.serverKey) ?? new Uint8Array(0), register: message };
    if (asksShell === true) this.#event = { type: 'sign', message };
    else this.handleSignature(identity.signLabelled('register', message));
  }

  #respond(signed: Uint8Array): void {
    const { identity, host, encoding, lastTerm, token, clientNonce } = this.#options;
    this.#signed = signed;
    this.#frames.push({
      type: 'CHALLENGE_RESPONSE',
      publicKey: identity.publicKey,
      signingKey: identity.signingKey,
      host,
      clientNonce: encodeHex(clientNonce),
      signedNonce: encodeHex(signed),
      encoding,
      lastTerm,
      token,
    });
  }

  #succeed({ term, keepalive, limits }: Extract<RelayFrame, { type: 'REGISTER_SUCCESS' }>): void {
    this.#done = true;
    const seconds = Math.min(MAX_KEEPALIVE_S, Math.max(MIN_KEEPALIVE_S, keepalive));
    const serverKey = encodeHex(this.#asked?.serverKey ?? new Uint8Array(0));
    this.#event = { type: 'registered', term, limits, keepaliveMs: seconds * 1000, serverKey };
  }

  #fail(failure: Failure): void {
    this.#done = true;
    this.#event = { type: 'failed', failure };
  }
}
