import type { Channel, ChannelCommand, ChannelEvent, Failure } from '@sws/protocol';

/** Where the events of a channel go. */
export interface ChannelReceiver {
  receive(event: ChannelEvent): void;
  /** The channel could not be opened. */
  fail(error: unknown): void;
}

/** What a handle needs of its connection, which knows the time and sends what follows. */
export interface ChannelDriver {
  command(handle: ChannelHandle, command: ChannelCommand): void;
}

/** One channel of a `RelayConnection`, for who uses it: frames and timers are the connection's. */
export class ChannelHandle {
  /** `null` while another tab has the turn, and if it could not be opened. */
  channel: Channel | null;
  readonly #driver: ChannelDriver;

  constructor(driver: ChannelDriver, channel: Channel | null) {
    this.#driver = driver;
    this.channel = channel;
  }

  /** The subprotocol agreed on; empty for none, and until open. */
  get protocol(): string {
    return this.channel?.protocol ?? '';
  }
  /** Application bytes that the peer's process has not acknowledged. */
  get bufferedAmount(): number {
    return this.channel?.bufferedAmount ?? 0;
  }
  /** Bytes that may be under way to the peer, over all channels to it. */
  get allowanceBytes(): number {
    return this.channel?.allowanceBytes ?? 0;
  }
  /** Messages given to `send`, and those of them that the peer's process has taken. */
  get messages(): { readonly queued: number; readonly acknowledged: number } {
    return this.channel?.messages ?? { queued: 0, acknowledged: 0 };
  }

  /** Queues a message; owns `data` from here. @throws SwsError `closed` once the channel has closed */
  send(data: string | Uint8Array): void {
    this.#driver.command(this, { type: 'send', data });
  }

  /** Closes behind all that was sent. */
  close(code: number, reason: string): void {
    this.#driver.command(this, { type: 'close', code, reason });
  }

  /** Asks the peer's process for a sign of life: the event `pong`. */
  ping(): void {
    this.#driver.command(this, { type: 'ping' });
  }

  /** The application has taken the oldest message received: its credit goes back to the peer. */
  delivered(): void {
    this.#driver.command(this, { type: 'delivered' });
  }

  /** Gives the channel up; the peer learns of it as soon as it is connected. */
  terminate(failure: Failure): void {
    this.#driver.command(this, { type: 'terminate', failure });
  }
}
