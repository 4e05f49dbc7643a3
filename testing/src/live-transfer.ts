import { type ConnectionEvent, Endpoint, type SecureErrorEvent, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';

/** A sender with this much unacknowledged waits. */
const HIGH_WATER_BYTES = 65_536;

export interface LiveTransferOptions {
  /** The URLs that sender and receiver dial. */
  readonly senderUrl: string;
  readonly receiverUrl: string;
  /** The pause between two messages. */
  readonly paceMs: number;
  readonly messageBytes: number;
  readonly onState?: ((end: 'sender' | 'receiver', event: StateEvent) => void) | undefined;
}

/** The options of a run of transfers through relay processes. */
export interface TransfersOptions {
  readonly channels: number;
  readonly paceMs: number;
  readonly messageBytes: number;
  /** The file of the relays' identity. */
  readonly identityFile: string;
}

/** How a transfer ended. It is correct if everything sent was received once and in order, and neither end closed. */
export interface LiveTransferResult {
  readonly sent: number;
  readonly received: number;
  /** Messages without the expected index: repeated, out of order, or after a lost one. */
  readonly misplaced: number;
  readonly failures: readonly string[];
}

/**
 * One channel that transfers numbered messages until `finish`, and checks each at the other end. Faults of the relay
 * meanwhile must not show.
 */
export class LiveTransfer {
  readonly failures: string[] = [];
  sent = 0;
  received = 0;
  misplaced = 0;
  readonly #options: LiveTransferOptions;
  readonly #ends: Endpoint[] = [];
  #socket: ReturnType<Endpoint['connect']> | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  private constructor(options: LiveTransferOptions) {
    this.#options = options;
  }

  /** Resolves when the first message has arrived. */
  static async start(options: LiveTransferOptions): Promise<LiveTransfer> {
    const transfer = new LiveTransfer(options);
    await transfer.#start();
    return transfer;
  }

  async #start(): Promise<void> {
    const { senderUrl, receiverUrl, paceMs, messageBytes } = this.#options;
    const receiver = this.#end('receiver', receiverUrl);
    receiver.addEventListener('connection', ({ socket }: ConnectionEvent) => {
      socket.addEventListener('message', ({ data }) => this.#take(String(data)));
      socket.addEventListener('close', () => this.#failed('the receiver’s socket closed'));
    });
    await registered(receiver);
    const peer = (await receiver.ready).publicKey;
    const socket = this.#end('sender', senderUrl).connect(peer, { waitForPeerMs: 60_000 });
    this.#socket = socket;
    socket.addEventListener('error', (event) => this.#failed(`error ${(event as SecureErrorEvent).code}`));
    socket.addEventListener('close', ({ code }) => this.#failed(`the sender’s socket closed with ${code}`));
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    const filler = 'x'.repeat(messageBytes);
    this.#timer = setInterval(() => {
      if (socket.readyState === 1 && socket.bufferedAmount < HIGH_WATER_BYTES) socket.send(`${this.sent++} ${filler}`);
    }, paceMs);
    while (this.received === 0 && this.failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Stops sending, waits until everything is acknowledged and received, and resolves with the result. */
  async finish(timeoutMs: number): Promise<LiveTransferResult> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const deadline = Date.now() + timeoutMs;
    let acknowledged = false;
    this.#socket?.delivered().then(
      () => {
        acknowledged = true;
      },
      () => this.#failed('delivered() was rejected'),
    );
    // The peer's process acknowledges a message some tasks before its application has it: each `message` event is a
    // separate task.
    while ((!acknowledged || this.received < this.sent) && this.failures.length === 0) {
      if (Date.now() > deadline) this.#failed(`not delivered within ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { sent, received, misplaced } = this;
    const result = { sent, received, misplaced, failures: [...this.failures] };
    await Promise.all(this.#ends.map((end) => end.close()));
    return result;
  }

  #end(name: 'sender' | 'receiver', url: string): Endpoint {
    const endpoint = new Endpoint(url, { identity: Identity.generate(randomBytes) });
    endpoint.addEventListener('state', (event: StateEvent) => this.#options.onState?.(name, event));
    this.#ends.push(endpoint);
    return endpoint;
  }

  #take(data: string): void {
    if (Number(data.slice(0, data.indexOf(' '))) !== this.received) this.misplaced++;
    this.received++;
  }

  #failed(what: string): void {
    this.failures.push(what);
  }
}

/** Returns what is wrong with the results; empty if no fault showed. */
export function complaintsOf(results: readonly LiveTransferResult[]): string[] {
  return results.flatMap(({ sent, received, misplaced, failures }, i) => {
    const wrong = [...failures];
    if (received !== sent) wrong.push(`received ${received} of ${sent}`);
    if (misplaced > 0) wrong.push(`${misplaced} out of place`);
    return wrong.length === 0 ? [] : [`channel ${i}: ${wrong.join(', ')}`];
  });
}

async function registered(endpoint: Endpoint): Promise<void> {
  while (endpoint.state !== 'registered')
    await new Promise((resolve) => endpoint.addEventListener('state', resolve, { once: true }));
}
