import { signal } from '@preact/signals';

/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 3_000;
/** Progress is drawn at most this often. */
const SAMPLE_MS = 100;

/** A file under way, as its progress bar shows it. */
export class Transfer {
  readonly size: number;
  /** Bytes on the receiver's disk. */
  readonly done = signal(0);
  /** Bytes a second; 0 until it is known. */
  readonly rate = signal(0);
  readonly state = signal<'waiting' | 'running'>('waiting');
  /** Stops it, at this end and the other. */
  cancel: () => void = () => {};
  /** Ends its channel; it goes on another time. */
  stop: () => void = () => {};
  #samples: { readonly at: number; readonly done: number }[] = [];

  constructor(size: number) {
    this.size = size;
  }

  /** A channel has opened that goes on from here. */
  start(from: number): void {
    this.#samples = [{ at: performance.now(), done: from }];
    this.done.value = from;
    this.rate.value = 0;
    this.state.value = 'running';
  }

  /** Says so while the channel is interrupted: the other end, or the relay, is away. */
  follow(socket: EventTarget): void {
    socket.addEventListener('interrupted', () => {
      this.state.value = 'waiting';
      this.rate.value = 0;
    });
    socket.addEventListener('resumed', () => this.start(this.done.value));
  }

  advance(done: number): void {
    const at = performance.now();
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < SAMPLE_MS && done < this.size) return;
    this.#samples.push({ at, done });
    while ((this.#samples[1]?.at ?? at) < at - RATE_WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    if (first !== undefined && at > first.at) this.rate.value = ((done - first.done) * 1_000) / (at - first.at);
    this.done.value = done;
  }
}
