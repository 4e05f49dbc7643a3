import { Deque } from '@sws/protocol/internal';
import type { Clock } from './clock.js';

interface Item {
  readonly bytes: number;
  readonly arrived: () => void;
  readonly taken: () => void;
}

/**
 * One direction of a TCP connection: the kernel takes what it has room for, the narrowest place lets bytes through at its
 * rate, and they arrive a while later.
 */
export class Pipe {
  /** Bytes per ms. */
  rate: number;
  readonly delayMs: number;
  readonly #clock: Clock;
  readonly #kernelBytes: number;
  /** Given, and not yet through the narrowest place. */
  #backlog = 0;
  readonly #outside = new Deque<Item>();
  readonly #kernel = new Deque<Item>();
  #inKernel = 0;
  #running = false;

  constructor(clock: Clock, rate: number, delayMs: number, kernelBytes: number) {
    this.#clock = clock;
    this.rate = rate;
    this.delayMs = delayMs;
    this.#kernelBytes = kernelBytes;
  }

  /** What the kernel has no room for yet: the writer's process holds it. */
  get outsideBytes(): number {
    return this.#backlog - this.#inKernel;
  }

  /** `taken` once the kernel has it, `arrived` at the other end. */
  send(bytes: number, arrived: () => void, taken: () => void = () => {}): void {
    this.#backlog += bytes;
    this.#outside.push({ bytes, arrived, taken });
    this.#fill();
  }

  #fill(): void {
    for (let item = this.#outside.at(0); item !== undefined; item = this.#outside.at(0)) {
      if (this.#inKernel > 0 && this.#inKernel + item.bytes > this.#kernelBytes) break;
      this.#outside.shift();
      this.#inKernel += item.bytes;
      this.#kernel.push(item);
      const { taken } = item;
      this.#clock.at(this.#clock.now, taken);
    }
    if (!this.#running) this.#next();
  }

  #next(): void {
    const item = this.#kernel.shift();
    this.#running = item !== undefined;
    if (item === undefined) return;
    this.#clock.at(this.#clock.now + item.bytes / this.rate, () => {
      this.#clock.at(this.#clock.now + this.delayMs, item.arrived);
      this.#backlog -= item.bytes;
      this.#inKernel -= item.bytes;
      this.#running = false;
      this.#fill();
    });
  }
}
