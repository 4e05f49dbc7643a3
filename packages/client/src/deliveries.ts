interface Wait {
  /** Resolves once this many messages are acknowledged. */
  readonly after: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Promises that wait until the peer's process has acknowledged a number of messages. */
export class Deliveries {
  /** How many messages the peer's process has acknowledged. */
  acknowledged = 0;
  #waits: Wait[] = [];

  wait(after: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waits.push({ after, resolve, reject }));
  }

  acknowledge(count: number): void {
    this.acknowledged = count;
    for (const wait of this.#waits) if (wait.after <= count) wait.resolve();
    this.#waits = this.#waits.filter(({ after }) => after > count);
  }

  /** Rejects all promises: no more messages will be acknowledged. */
  fail(error: unknown): void {
    for (const wait of this.#waits) wait.reject(error);
    this.#waits = [];
  }
}
