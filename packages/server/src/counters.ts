import type { FailureCode } from '@sws/protocol';

/** What a server has seen; every refusal is counted by its reason. */
export class ServerCounters {
  accepted = 0;
  registered = 0;
  receivedMessages = 0;
  receivedBytes = 0;
  pauses = 0;
  readonly refusals = new Map<FailureCode, number>();

  refuse(code: FailureCode): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }
}
