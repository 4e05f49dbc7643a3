import { type CryptoProvider, type Identity, SwsError } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import {
  encodeFrame,
  FAILURES,
  type Failure,
  type Limits,
  type Proof,
  ServerRegistration,
  type ServerRegistrationOutput,
} from '@sws/protocol';
import { ServerCounters } from './counters.js';
import { ServerSecureWebSocket } from './server-secure-web-socket.js';
import type { SocketLike } from './socket-like.js';

const AUTHORIZE_TIMEOUT_MS = 10_000;

/** What the router says to a proven key. */
export type Admission =
  | { readonly ok: true; readonly term: number; readonly limits: Limits; readonly keepalive: number }
  | { readonly ok: false; readonly failure: Failure };

export interface AcceptOptions<Request = unknown> {
  /** The relay's own identity. */
  readonly identity: Identity;
  /** Bound to `router.admit`: REGISTER_SUCCESS goes out only with its answer. */
  readonly admit: (publicKey: string, lastTerm: number, signal: AbortSignal) => Admission | Promise<Admission>;
  /** Authorities that clients may dial (`relay.example`, `relay.example:8443`). @defaultValue loopback names, any port */
  readonly hosts?: readonly string[];
  /** The application's own check, after the proof; at most `authorizeTimeoutMs`. */
  readonly authorize?: (client: {
    readonly publicKey: string;
    readonly token: string | null;
    readonly request: Request;
  }) => boolean | Promise<boolean>;
  /** @defaultValue 10,000 */
  readonly authorizeTimeoutMs?: number;
  /** @defaultValue `nodeProvider` */
  readonly provider?: CryptoProvider;
  readonly counters?: ServerCounters;
  readonly remoteAddress?: string | null;
}

/**
 * Does the relay's side of registration (PROTOCOL §2) over an accepted socket. Resolves with the registered socket,
 * still paused: set `onmessage` and call `start`. @throws SwsError with the failure's code once the socket is closed
 */
export function accept<Request>(
  socket: SocketLike,
  request: Request,
  options: AcceptOptions<Request>,
): Promise<ServerSecureWebSocket> {
  const { identity, hosts, provider = nodeProvider, counters = new ServerCounters() } = options;
  counters.accepted++;
  const registration = new ServerRegistration({
    identity,
    provider,
    ...(hosts === undefined ? {} : { hosts }),
    nonce: randomBytes(32),
    nowMs: Date.now(),
  });
  const aborted = new AbortController();

  return new Promise((resolve, reject) => {
    let proof: Proof | null = null;
    let settled = false;
    const fail = (failure: Failure): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      counters.refuse(failure.code);
      aborted.abort();
      reject(new SwsError(failure.code, failure.detail));
    };
    const run = (outputs: readonly ServerRegistrationOutput[]): void => {
      for (const output of outputs) {
        if (output.type === 'send') socket.send(encodeFrame(output.frame));
        else if (output.type === 'close') {
          socket.close(FAILURES[output.failure.code].closeCode ?? 1011, output.failure.detail.slice(0, 120));
          setTimeout(() => socket.terminate(), 2_000).unref();
          fail(output.failure);
        } else {
          proof = output.proof;
          clearTimeout(timer);
          void admit(output.proof);
        }
      }
    };
    const admit = async (client: Proof): Promise<void> => {
      let refusal: Failure | null = null;
      let admission: Admission | null = null;
      try {
        if (!(await authorized(client, request, options)))
          refusal = { code: 'forbidden', detail: 'this key may not use this relay' };
        else {
          admission = await options.admit(client.publicKey, client.lastTerm, aborted.signal);
          if (!admission.ok) refusal = admission.failure;
        }
      } catch {
        refusal = { code: 'try-again-later', detail: 'authorization or admission failed' };
      }
      if (settled) return;
      if (refusal !== null || admission === null || !admission.ok)
        return run(registration.refused(refusal ?? { code: 'try-again-later', detail: 'no admission' }));
      settled = true;
      counters.registered++;
      socket.pause();
      run(registration.admitted(admission));
      const { publicKey, encoding } = client;
      const { term, limits, keepalive } = admission;
      resolve(
        new ServerSecureWebSocket(
          socket,
          { publicKey, term, limits, keepalive, encoding, remoteAddress: options.remoteAddress ?? null },
          counters,
        ),
      );
    };
    const timer = setTimeout(
      () => run(registration.wake(Date.now())),
      Math.max(0, (registration.wakeAtMs ?? 0) - Date.now()) + 1,
    );
    socket.onmessage = (data) => run(registration.receive(typeof data === 'string' ? data : null));
    socket.onclose = () =>
      fail({
        code: 'connection-lost',
        detail: proof === null ? 'closed before it registered' : 'closed before it was admitted',
      });
    run(registration.start());
  });
}

async function authorized<Request>(client: Proof, request: Request, options: AcceptOptions<Request>): Promise<boolean> {
  const { authorize, authorizeTimeoutMs = AUTHORIZE_TIMEOUT_MS } = options;
  if (authorize === undefined) return true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SwsError('try-again-later', 'authorize took too long')), authorizeTimeoutMs);
  });
  try {
    return await Promise.race([authorize({ publicKey: client.publicKey, token: client.token, request }), late]);
  } finally {
    clearTimeout(timer);
  }
}
