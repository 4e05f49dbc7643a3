interface Wait {
  /** Resolves once this many messages are acknowledged. */
  readonly after: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Who waits until the peer's process has taken so many messages. */
export class Deliveries {
  /** Messages that the peer's process has taken. */
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

  /** Nothing more will be taken. */
  fail(error: unknown): void {
    for (const wait of this.#waits) wait.reject(error);
    this.#waits = [];
  }
}
