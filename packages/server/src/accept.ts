import { type CryptoProvider, type Identity, SwsError } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import {
  encodeFrame,
  FAILURES,
  type Failure,
  type Limits,
  normaliseHost,
  type Proof,
  ServerRegistration,
  type ServerRegistrationOutput,
} from '@sws/protocol';
import { ServerCounters } from './counters.js';
import { DEFAULT_MAX_MESSAGE_BYTES } from './max-message.js';
import { onePerTurn } from './one-per-turn.js';
import type { Meter } from './pace.js';
import { networkOf } from './remote-address.js';
import { ServerSecureWebSocket } from './server-secure-web-socket.js';
import type { SocketCause, SocketLike } from './socket-like.js';

const AUTHORIZE_TIMEOUT_MS = 10_000;
/** The router's word may have to come from other nodes. */
const ADMIT_TIMEOUT_MS = 10_000;
/** A refused client gets this long to take its refusal. */
const CLOSE_GRACE_MS = 2_000;

/** What the router says to a proven key. */
export type Admission =
  | {
      readonly ok: true;
      readonly term: number;
      readonly limits: Limits;
      /** Seconds. */
      readonly keepalive: number;
      /** Holds the client to its rate. @defaultValue none: it may send as it likes */
      readonly meter?: Meter;
    }
  | { readonly ok: false; readonly failure: Failure };

/** Who asks for admission, beside its key. */
export interface Applicant {
  /** Aborted when the connection is gone before it was admitted, or admission took too long. */
  readonly signal: AbortSignal;
  /** Whom rates by address count for: the IPv4 address or the IPv6 /64; `null` where it is not known. */
  readonly network: string | null;
}

export interface AcceptOptions<Request = unknown> {
  /** The relay's own identity. */
  readonly identity: Identity;
  /** Bound to `router.admit`: REGISTER_SUCCESS goes out only with its answer, within 10 s. */
  readonly admit: (publicKey: string, lastTerm: number, applicant: Applicant) => Admission | Promise<Admission>;
  /** Authorities that clients may dial (`relay.example`, `relay.example:8443`). @defaultValue loopback names, any port */
  readonly hosts?: readonly string[];
  /** The application's own check, after the proof; at most `authorizeTimeoutMs`. Throwing refuses with 1013. */
  readonly authorize?: (client: {
    readonly publicKey: string;
    readonly token: string | null;
    readonly request: Request;
  }) => boolean | Promise<boolean>;
  /** @defaultValue 10,000 */
  readonly authorizeTimeoutMs?: number;
  /** The largest MESSAGE in bytes, as the router's `limits.maxMessage`: the lesser holds. @defaultValue 65,536 */
  readonly maxMessage?: number;
  /** @defaultValue `nodeProvider` */
  readonly provider?: CryptoProvider;
  /** Share one among several ways in. @defaultValue a new one */
  readonly counters?: ServerCounters;
  readonly remoteAddress?: string | null;
}

/**
 * Does the relay's side of registration (PROTOCOL §2) over an accepted socket. Resolves with the registered socket,
 * still paused: set `onmessage` and call `start`.
 * @throws SwsError with the failure's code once the socket is closed; RangeError for an entry of `hosts` that is no authority
 */
export function accept<Request>(
  socket: SocketLike,
  request: Request,
  options: AcceptOptions<Request>,
): Promise<ServerSecureWebSocket> {
  return new Promise((resolve, reject) => new Acceptance(socket, request, options, resolve, reject).start());
}

/** @throws RangeError that names the entry of `hosts` that no client could dial */
export function checkHosts(hosts: readonly string[] | undefined): void {
  for (const host of hosts ?? [])
    if (normaliseHost(host) === null) throw new RangeError(`hosts: ${host} is not a name or name:port`);
}

/** One registration: the machine decides, this runs what it says. */
class Acceptance<Request> {
  readonly #socket: SocketLike;
  readonly #request: Request;
  readonly #options: AcceptOptions<Request>;
  readonly #counters: ServerCounters;
  readonly #resolve: (socket: ServerSecureWebSocket) => void;
  readonly #reject: (error: unknown) => void;
  readonly #registration: ServerRegistration;
  readonly #aborted = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** An answer whose signature waits for its turn. */
  #waiting: string | null = null;
  #settled = false;

  constructor(
    socket: SocketLike,
    request: Request,
    options: AcceptOptions<Request>,
    resolve: (socket: ServerSecureWebSocket) => void,
    reject: (error: unknown) => void,
  ) {
    const { identity, hosts, provider = nodeProvider, counters = new ServerCounters() } = options;
    this.#socket = socket;
    this.#request = request;
    this.#options = options;
    this.#counters = counters;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#registration = new ServerRegistration({
      identity,
      provider,
      ...(hosts === undefined ? {} : { hosts }),
      nonce: randomBytes(32),
      nowMs: Date.now(),
    });
  }

  start(): void {
    checkHosts(this.#options.hosts);
    this.#counters.accepted++;
    this.#socket.onmessage = (data) => this.#receive(data);
    this.#socket.onclose = (cause: SocketCause) =>
      this.#fail({ code: cause ?? 'connection-lost', detail: 'closed before it was registered' });
    const waitMs = (this.#registration.wakeAtMs ?? 0) - Date.now();
    this.#timer = setTimeout(() => this.#run(this.#registration.wake(Date.now())), Math.max(0, waitMs) + 1);
    this.#run(this.#registration.start());
  }

  #receive(data: string | Uint8Array): void {
    if (this.#settled) return;
    const first = this.#waiting;
    if (first === null && typeof data === 'string') {
      this.#waiting = data;
      onePerTurn(() => this.#take());
      return;
    }
    this.#take();
    this.#run(this.#registration.receive(typeof data === 'string' ? data : null));
  }

  #take(): void {
    const text = this.#waiting;
    this.#waiting = null;
    if (text !== null && !this.#settled) this.#run(this.#registration.receive(text));
  }

  #run(outputs: readonly ServerRegistrationOutput[]): void {
    for (const output of outputs) {
      if (output.type === 'send') this.#socket.send(encodeFrame(output.frame));
      else if (output.type === 'close') {
        const { code, detail } = output.failure;
        this.#fail(output.failure);
        this.#socket.close(FAILURES[code].closeCode ?? 1011, detail.slice(0, 120));
        setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
      } else {
        clearTimeout(this.#timer);
        void this.#admit(output.proof);
      }
    }
  }

  async #admit(client: Proof): Promise<void> {
    const { authorize, authorizeTimeoutMs = AUTHORIZE_TIMEOUT_MS, admit } = this.#options;
    const { publicKey, token, lastTerm } = client;
    const { signal } = this.#aborted;
    let admission: Admission;
    try {
      const authorized =
        authorize === undefined ||
        (await within(authorizeTimeoutMs, authorize({ publicKey, token, request: this.#request })));
      if (this.#settled) return;
      const remoteAddress = this.#options.remoteAddress ?? null;
      const network = remoteAddress === null ? null : networkOf(remoteAddress);
      admission = authorized
        ? await within(ADMIT_TIMEOUT_MS, admit(publicKey, lastTerm, { signal, network }))
        : { ok: false, failure: { code: 'forbidden', detail: 'this key may not use this relay' } };
    } catch {
      admission = { ok: false, failure: { code: 'try-again-later', detail: 'authorization or admission failed' } };
    }
    if (this.#settled) return;
    if (!admission.ok) return this.#run(this.#registration.refused(admission.failure));
    this.#settled = true;
    this.#counters.registered++;
    this.#socket.pause();
    const { maxMessage = DEFAULT_MAX_MESSAGE_BYTES } = this.#options;
    const limits = admission.limits.maxMessage <= maxMessage ? admission.limits : { ...admission.limits, maxMessage };
    const { term, keepalive, meter = null } = admission;
    this.#run(this.#registration.admitted({ term, limits, keepalive }));
    const { encoding } = client;
    const remoteAddress = this.#options.remoteAddress ?? null;
    this.#resolve(
      new ServerSecureWebSocket(
        this.#socket,
        { publicKey, term, limits, keepalive, encoding, remoteAddress, meter },
        this.#counters,
      ),
    );
  }

  #fail(failure: Failure): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#counters.refuse(failure.code);
    this.#aborted.abort();
    this.#reject(new SwsError(failure.code, failure.detail));
  }
}

/** What `value` comes to, if it does in time. @throws SwsError `try-again-later` */
function within<T>(timeoutMs: number, value: T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SwsError('try-again-later', 'took too long')), timeoutMs);
    Promise.resolve(value)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}
