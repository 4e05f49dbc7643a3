import type { CryptoProvider, IdentityLike } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeFrame, FAILURES, type Failure, type Proof, ServerRegistration } from '@sws/protocol';
import { type Admission, type Applicant, normaliseHost, type Rate, SwsError } from '@sws/protocol/internal';
import { ServerCounters } from './counters.js';
import { DEFAULT_MAX_MESSAGE_BYTES } from './max-message.js';
import { onePerTurn } from './one-per-turn.js';
import { networkOf } from './remote-address.js';
import { ServerSecureWebSocket } from './server-secure-web-socket.js';
import { CLOSE_GRACE_MS, closeReason, type SocketCause, type SocketLike } from './socket-like.js';

const AUTHORIZE_TIMEOUT_MS = 10_000;
/** The router may have to ask other nodes. */
const ADMIT_TIMEOUT_MS = 10_000;

/** A key's own rate. An absent field is the router's rate for every client. */
export type KeyRate = Partial<Rate>;

/** The answer of `authorize`: whether a key may use the relay, optionally with the key's own rate. */
export type Authorization =
  | boolean
  | {
      /** The rate of this key alone. */
      readonly rate: KeyRate;
    };

/** A client that has proven its key and waits for `authorize`. */
export interface AuthorizeRequest<Request> {
  /** The client's address, 64 hex digits. */
  readonly publicKey: string;
  /** The credential that the client sent, at most 1,024 bytes; `null` for none. */
  readonly token: string | null;
  /** The upgrade request from the WebSocket library. */
  readonly request: Request;
  /** The IP address as the limits count it; `null` if unknown. */
  readonly remoteAddress: string | null;
}

/** Options of `accept`. `identity` and `admit` have no default. */
export interface AcceptOptions<Request = unknown> {
  /** The relay's own identity. Keep its seed: clients pin its signing key. */
  readonly identity: IdentityLike;
  /** Pass `router.admit`, bound. REGISTER_SUCCESS waits for its answer, at most 10 s. */
  readonly admit: (
    publicKey: string,
    lastTerm: number,
    applicant: Applicant<AbortSignal>,
  ) => Admission | Promise<Admission>;
  /**
   * The authorities that clients dial (`relay.example`, `relay.example:8443`). Set it to serve other machines: the
   * server refuses a proof that was made for another relay. @defaultValue loopback names, any port
   */
  readonly hosts?: readonly string[];
  /**
   * Decides whether a proven key may use the relay, and at which rate. Set it for a private relay. If it throws or
   * takes longer than `authorizeTimeoutMs`, the client is refused with 1013 and tries again.
   * @defaultValue every key may
   */
  readonly authorize?: (client: AuthorizeRequest<Request>) => Authorization | Promise<Authorization>;
  /** How long `authorize` may take, in ms. Raise it if it asks a slow service. @defaultValue 10,000 */
  readonly authorizeTimeoutMs?: number;
  /**
   * The largest MESSAGE, in bytes. Set it to the router's `limits.maxMessage` if you raise that. The smaller of the two
   * applies. @defaultValue 65,536
   */
  readonly maxMessage?: number;
  /** The cryptographic primitives. Set it to use a faster implementation. @defaultValue `nodeProvider` */
  readonly provider?: CryptoProvider;
  /** The counters to increment. Pass one object to several servers to get their sum. @defaultValue a new object */
  readonly counters?: ServerCounters;
  /** The client's IP address for `authorize`, limits by address, and logs. @defaultValue `null`: unknown */
  readonly remoteAddress?: string | null;
}

/**
 * Runs the relay's side of registration (PROTOCOL §2) over an accepted socket. Resolves with the registered socket,
 * which is paused: set `onmessage` and call `start`.
 * @throws SwsError with a `FailureCode` once the socket is closed; RangeError for an invalid entry of `hosts`
 */
export function accept<Request>(
  socket: SocketLike,
  request: Request,
  options: AcceptOptions<Request>,
): Promise<ServerSecureWebSocket> {
  return new Promise((resolve, reject) => new Acceptance(socket, request, options, resolve, reject).start());
}

/** @throws RangeError that names an entry of `hosts` that no client could dial */
export function checkHosts(hosts: readonly string[] | undefined): void {
  for (const host of hosts ?? [])
    if (normaliseHost(host) === null) throw new RangeError(`hosts: ${host} must be name or name:port`);
}

/** Runs one registration. The state machine decides, and this class carries out its outputs. */
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
  /** An answer that waits for its turn to be signed. */
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
      nowMs: performance.now(),
    });
  }

  start(): void {
    checkHosts(this.#options.hosts);
    this.#counters.accepted++;
    this.#socket.onmessage = (data) => this.#receive(data);
    this.#socket.onclose = (cause: SocketCause) =>
      this.#fail({ code: cause ?? 'connection-lost', detail: 'closed before it was registered' });
    this.#wakeInTime();
    this.#run();
  }

  /** Sets the timer, and sets it again if it fires early. It counts from the beginning of the event loop's turn. */
  #wakeInTime(): void {
    const { nextWakeAtMs } = this.#registration;
    if (nextWakeAtMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#registration.handleTimeout(performance.now());
        this.#run();
        this.#wakeInTime();
      },
      Math.max(1, nextWakeAtMs - performance.now()),
    );
  }

  #receive(data: string | Uint8Array): void {
    if (this.#settled) return;
    const first = this.#waiting;
    if (first === null && typeof data === 'string') {
      this.#waiting = data;
      onePerTurn(() => this.#flushHeld());
      return;
    }
    this.#flushHeld();
    this.#registration.handleFrame(typeof data === 'string' ? data : null);
    this.#run();
  }

  #flushHeld(): void {
    const text = this.#waiting;
    this.#waiting = null;
    if (text === null || this.#settled) return;
    this.#registration.handleFrame(text);
    this.#run();
  }

  /** Sends the machine's frames, then handles its events. */
  #run(): void {
    const registration = this.#registration;
    for (let frame = registration.pollFrame(); frame !== null; frame = registration.pollFrame())
      this.#socket.send(encodeFrame(frame));
    for (let event = registration.pollEvent(); event !== null; event = registration.pollEvent()) {
      if (event.type === 'close') {
        const { code, detail } = event.failure;
        this.#fail(event.failure);
        this.#socket.close(FAILURES[code].closeCode ?? 1011, closeReason(detail));
        setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
      } else {
        clearTimeout(this.#timer);
        void this.#admit(event.proof);
      }
    }
  }

  async #admit(client: Proof): Promise<void> {
    const { authorize, authorizeTimeoutMs = AUTHORIZE_TIMEOUT_MS, admit } = this.#options;
    const { publicKey, token, lastTerm } = client;
    const { signal } = this.#aborted;
    let admission: Admission;
    const remoteAddress = this.#options.remoteAddress ?? null;
    try {
      const authorized =
        authorize === undefined ||
        (await within(authorizeTimeoutMs, authorize({ publicKey, token, request: this.#request, remoteAddress })));
      if (this.#settled) return;
      const network = remoteAddress === null ? null : networkOf(remoteAddress);
      const rate = typeof authorized === 'object' ? authorized.rate : undefined;
      admission = authorized
        ? await within(ADMIT_TIMEOUT_MS, admit(publicKey, lastTerm, { signal, network, rate }))
        : { ok: false, failure: { code: 'forbidden', detail: 'this key may not use this relay' } };
    } catch {
      admission = { ok: false, failure: { code: 'try-again-later', detail: 'authorization or admission failed' } };
    }
    if (this.#settled) return;
    if (!admission.ok) {
      this.#registration.handleRefused(admission.failure);
      return this.#run();
    }
    this.#settled = true;
    this.#counters.registered++;
    this.#socket.pause();
    const { maxMessage = DEFAULT_MAX_MESSAGE_BYTES } = this.#options;
    const limits = admission.limits.maxMessage <= maxMessage ? admission.limits : { ...admission.limits, maxMessage };
    const { term, keepalive, meter = null } = admission;
    this.#registration.handleAdmitted({ term, limits, keepalive });
    this.#run();
    const { encoding } = client;
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

/** Waits at most `timeoutMs` for `value`. @throws Error after that */
function within<T>(timeoutMs: number, value: T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('took too long')), timeoutMs);
    Promise.resolve(value)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}
