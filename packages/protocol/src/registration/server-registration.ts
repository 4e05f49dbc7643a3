import {
  type CryptoProvider,
  decodeHex,
  encodeHex,
  type IdentityLike,
  matchesSigningKey,
  readAddress,
  verifySignature,
} from '@sws/crypto';
import { FAILURES, type FailureCode } from '../failures.js';
import { type ChallengeResponse, decodeClientFrame, type Encoding } from '../frames/client-frames.js';
import type { Limits, RelayFrame } from '../frames/relay-frames.js';
import type { Failure } from '../result.js';
import { encodeUtf8 } from '../utf8.js';
import { hostMatches, LOOPBACK_HOSTS } from './host.js';
import { registeredMessage, registerMessage } from './transcript.js';

/** A connection that has not registered by then is closed with 4408. */
export const REGISTRATION_TIMEOUT_MS = 5_000;
/** The longest frame from an unregistered connection. */
export const MAX_REGISTRATION_BYTES = 4_096;

/** A client that has proven its key and waits to be admitted. */
export interface Proof {
  readonly publicKey: string;
  readonly signingKey: string;
  readonly token: string | null;
  readonly lastTerm: number;
  readonly encoding: Encoding;
}

export type ServerRegistrationEvent =
  /** Decide whether to admit the client, and answer with `handleAdmitted` or `handleRefused`. */
  | { readonly type: 'proven'; readonly proof: Proof }
  /** Close with the failure's code, once the frames are out. */
  | { readonly type: 'close'; readonly failure: Failure };

export interface ServerRegistrationOptions {
  /** The relay's own identity. */
  readonly identity: IdentityLike;
  readonly provider: CryptoProvider;
  /**
   * Normalised authorities that clients may have dialled. Without it, loopback with any port. The Host header is not
   * used.
   */
  readonly hosts?: readonly string[];
  /** 32 random bytes, used only for this connection. */
  readonly nonce: Uint8Array;
  readonly nowMs: number;
}

type State =
  | { readonly phase: 'challenged' }
  | { readonly phase: 'proven'; readonly proof: Proof; readonly register: Uint8Array; readonly signed: Uint8Array }
  | { readonly phase: 'registered' }
  | { readonly phase: 'closed' };

/**
 * The relay's side of registration (PROTOCOL §2): one challenge, one answer, then the shell's decision on admission.
 * Order: inputs, then `pollFrame` until `null`, then `pollEvent` until `null`, then one timer for `nextWakeAtMs`.
 */
export class ServerRegistration {
  readonly #options: ServerRegistrationOptions;
  readonly #deadline: number;
  readonly #frames: RelayFrame[];
  readonly #events: ServerRegistrationEvent[] = [];
  #state: State = { phase: 'challenged' };

  constructor(options: ServerRegistrationOptions) {
    this.#options = options;
    this.#deadline = options.nowMs + REGISTRATION_TIMEOUT_MS;
    const { identity, nonce } = options;
    this.#frames = [{ type: 'CHALLENGE', version: 1, nonce: encodeHex(nonce), serverKey: identity.signingKey }];
  }

  /** When `handleTimeout` is due; infinite for never. The shell limits the time of admission. */
  get nextWakeAtMs(): number {
    return this.#state.phase === 'challenged' ? this.#deadline : Number.POSITIVE_INFINITY;
  }

  /** The next frame to send, or `null`. The first is the CHALLENGE. */
  pollFrame(): RelayFrame | null {
    return this.#frames.shift() ?? null;
  }

  /** The next event; `null` for no more. */
  pollEvent(): ServerRegistrationEvent | null {
    return this.#events.shift() ?? null;
  }

  /** A frame arrived; `null` for a binary one. */
  handleFrame(text: string | null): void {
    if (this.#state.phase === 'closed') return;
    if (this.#state.phase !== 'challenged') return this.#close('bad-frame', 'a frame before the answer to the first');
    if (text === null) return this.#close('bad-frame', 'a binary frame before registration');
    // A character is at least one byte. Most texts that are too long need not be encoded to be measured.
    if (text.length > MAX_REGISTRATION_BYTES || encodeUtf8(text).length > MAX_REGISTRATION_BYTES)
      return this.#close('bad-frame', `over ${MAX_REGISTRATION_BYTES} bytes before registration`);
    const decoded = decodeClientFrame(text);
    if (!decoded.ok) return this.#close(decoded.failure.code, decoded.failure.detail);
    const frame = decoded.value;
    if (frame.type !== 'CHALLENGE_RESPONSE') return this.#close('bad-frame', `${frame.type} before registration`);
    return this.#check(frame);
  }

  /** The application and the router have admitted the client. */
  handleAdmitted(grant: { readonly term: number; readonly limits: Limits; readonly keepalive: number }): void {
    const state = this.#state;
    if (state.phase !== 'proven') return;
    this.#state = { phase: 'registered' };
    const { identity, provider } = this.#options;
    const { term, limits, keepalive } = grant;
    const message = registeredMessage(provider, state.register, state.signed, term);
    this.#frames.push({
      type: 'REGISTER_SUCCESS',
      publicKey: state.proof.publicKey,
      signature: encodeHex(identity.signLabelled('registered', message)),
      term,
      limits,
      keepalive,
    });
  }

  /** The application or the router has refused the client. */
  handleRefused(failure: Failure): void {
    if (this.#state.phase === 'proven') this.#close(failure.code, failure.detail);
  }

  /** `nextWakeAtMs` has come. */
  handleTimeout(nowMs: number): void {
    if (this.#state.phase !== 'challenged' || nowMs < this.#deadline) return;
    this.#close('registration-timeout', `no registration within ${REGISTRATION_TIMEOUT_MS} ms`);
  }

  #check(frame: ChallengeResponse): void {
    const { identity, provider, hosts, nonce } = this.#options;
    const publicKey = readAddress(frame.publicKey);
    if (publicKey === null) return this.#close('registration-refused', 'publicKey is not canonical, or of low order');
    if (!hostMatches(frame.host, hosts ?? LOOPBACK_HOSTS, hosts === undefined)) {
      return this.#close('registration-refused', 'host is not one of this relay’s');
    }
    const signingKey = decodeHex(frame.signingKey) ?? new Uint8Array(0);
    if (!matchesSigningKey(publicKey, signingKey))
      return this.#close('registration-refused', 'signingKey does not belong to publicKey');
    const signedNonce = decodeHex(frame.signedNonce) ?? new Uint8Array(0);
    const token = frame.token ?? '';
    const message = registerMessage({ ...frame, nonce: encodeHex(nonce), serverKey: identity.signingKey, token });
    if (!verifySignature(provider, signingKey, message, signedNonce))
      return this.#close('registration-refused', 'signedNonce does not verify');
    const proof: Proof = {
      publicKey: frame.publicKey,
      signingKey: frame.signingKey,
      token: frame.token ?? null,
      lastTerm: frame.lastTerm,
      encoding: frame.encoding,
    };
    this.#state = { phase: 'proven', proof, register: message, signed: signedNonce };
    this.#events.push({ type: 'proven', proof });
  }

  #close(code: FailureCode, detail: string): void {
    this.#state = { phase: 'closed' };
    this.#frames.push({ type: 'REGISTER_FAILURE', code: FAILURES[code].closeCode ?? 1011, reason: detail });
    this.#events.push({ type: 'close', failure: { code, detail } });
  }
}
