import { encodeHex, Identity } from '@sws/crypto';
import { defaultProvider, nodeProvider } from '@sws/crypto/node';
import {
  decodeClientFrame,
  decodeMessage,
  encodeFrame,
  encodeMessage,
  type RelayFrame,
  ServerRegistration,
} from '@sws/protocol';
import { undeliverable } from '@sws/protocol/internal';
import { vi } from 'vitest';
import type { TransportSocket, WebSocketConstructor } from '../src/index.js';

// What is looked for once, on the disk, is there before time is virtual.
await defaultProvider();

const provider = nodeProvider;
const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_388_608 };
const DELAY_MS = 10;
export const KEEPALIVE_S = 15;

let drawn = 0;
function random(length: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => (drawn++ * 31 + index * 7) & 255);
}

/** How a relay behaves that is reached: it may not answer the dial, the challenge, or nothing at all any more. */
export type Behaviour = 'well' | 'unreachable' | 'no-challenge' | 'silent';

/**
 * A relay and the way to it, without sockets, in vitest's virtual time: `setTimeout` and `performance.now` go on together,
 * and `vi.setSystemTime` steps the wall clock alone.
 */
export class VirtualNetwork {
  behaviour: Behaviour = 'well';
  /** When each dial was made, in virtual milliseconds. */
  readonly dials: number[] = [];
  readonly #identity = Identity.fromSeed(random(32), provider);
  readonly #registered = new Map<string, VirtualSocket>();
  /** Whose frames are thrown away both ways. */
  readonly muted = new Set<string>();

  /** Every one that was made, oldest first. */
  readonly sockets: VirtualSocket[] = [];
  /** The class to pass as `options.WebSocket`. */
  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const network = this;
    this.WebSocket = class extends VirtualSocket {
      constructor(url: string, protocols: string) {
        super();
        void [url, protocols];
        network.#dialled(this);
      }
    };
  }

  /** Every connection breaks. */
  cut(): void {
    for (const socket of [...this.#registered.values()]) socket.fail();
    this.#registered.clear();
  }

  #dialled(socket: VirtualSocket): void {
    this.dials.push(performance.now());
    this.sockets.push(socket);
    if (this.behaviour === 'unreachable') return void setTimeout(() => socket.fail(), DELAY_MS);
    const registration = new ServerRegistration({
      identity: this.#identity,
      provider,
      nonce: random(32),
      nowMs: performance.now(),
    });
    let publicKey: string | null = null;
    const tell = (frame: RelayFrame) => this.#send(socket, encodeFrame(frame));
    const flush = (): void => {
      for (let frame = registration.pollFrame(); frame !== null; frame = registration.pollFrame()) tell(frame);
    };
    socket.onsent = (data) => {
      if (this.behaviour === 'silent' || (publicKey !== null && this.muted.has(publicKey))) return;
      if (publicKey !== null) return this.#route(publicKey, data, tell);
      registration.handleFrame(typeof data === 'string' ? data : null);
      const event = registration.pollEvent();
      if (event?.type === 'proven') {
        publicKey = event.proof.publicKey;
        this.#registered.get(publicKey)?.fail();
        this.#registered.set(publicKey, socket);
        registration.handleAdmitted({ term: drawn, limits: LIMITS, keepalive: KEEPALIVE_S });
      }
      flush();
    };
    setTimeout(() => {
      socket.open();
      if (this.behaviour !== 'no-challenge') flush();
    }, DELAY_MS);
  }

  #route(from: string, data: string | Uint8Array, tell: (frame: RelayFrame) => void): void {
    if (typeof data === 'string') {
      const frame = decodeClientFrame(data);
      if (frame.ok && frame.value.type === 'PING') tell({ type: 'PONG', id: frame.value.id });
      return;
    }
    const message = decodeMessage(data);
    if (!message.ok) return;
    const { key, content } = message.value;
    const receiver = this.#registered.get(encodeHex(key));
    if (receiver === undefined) return tell(undeliverable(key, content, 'offline'));
    if (this.muted.has(encodeHex(key))) return;
    this.#send(receiver, encodeMessage(Buffer.from(from, 'hex'), content.slice()));
  }

  #send(socket: VirtualSocket, data: string | Uint8Array): void {
    const { behaviour } = this;
    setTimeout(() => {
      if (behaviour !== 'silent') socket.onmessage?.({ data });
    }, DELAY_MS);
  }
}

class VirtualSocket implements TransportSocket {
  binaryType = 'arraybuffer';
  bufferedAmount = 0;
  readyState = 0;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  onsent: (data: string | Uint8Array) => void = () => {};

  /** What was sent is lost. A socket that is closed sends it first. */
  #broken = false;

  open(): void {
    this.readyState = 1;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const sent = typeof data === 'string' ? data : data.slice();
    setTimeout(() => !this.#broken && this.onsent(sent), DELAY_MS);
  }

  fail(): void {
    this.#broken = true;
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code: 1006 });
  }

  close(): void {
    this.readyState = 3;
  }
}

/** Virtual time from now on; returns what ends it. */
export function virtualTime(): () => void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
  return () => void vi.useRealTimers();
}

/** Lets so many virtual milliseconds pass, in small steps: real tasks run between them. */
export async function pass(ms: number, stepMs = 50): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(stepMs, ms - passed));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
