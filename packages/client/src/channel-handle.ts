import type { Channel, ChannelCommand, ChannelEvent, Failure } from '@sws/protocol';

/** Receives the events of a channel. */
export interface ChannelReceiver {
  receive(event: ChannelEvent): void;
  /** The channel could not be opened. */
  fail(error: unknown): void;
}

/** What a handle needs of its connection, which knows the time and sends the frames. */
export interface ChannelDriver {
  command(handle: ChannelHandle, command: ChannelCommand): void;
}

/** One channel of a `RelayConnection`, for its user. The connection handles its frames and timers. */
export class ChannelHandle {
  /** The channel; `null` while another tab has the turn, and if it could not be opened. */
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
  /** How many bytes may be in flight to the peer, over all channels to it. */
  get allowanceBytes(): number {
    return this.channel?.allowanceBytes ?? 0;
  }
  /** The numbers of messages given to `send`, and acknowledged by the peer's process. */
  get messages(): { readonly queued: number; readonly acknowledged: number } {
    return this.channel?.messages ?? { queued: 0, acknowledged: 0 };
  }

  /** Queues a message, and owns `data` from here. @throws SwsError `closed` once the channel has closed */
  send(data: string | Uint8Array): void {
    this.#driver.command(this, { type: 'send', data });
  }

  /** Closes after everything that was sent. */
  close(code: number, reason: string): void {
    this.#driver.command(this, { type: 'close', code, reason });
  }

  /** Asks the peer's process for a sign of life. The event `pong` reports it. */
  ping(): void {
    this.#driver.command(this, { type: 'ping' });
  }

  /** The application has taken the oldest received message. Returns its credit to the peer. */
  delivered(): void {
    this.#driver.command(this, { type: 'delivered' });
  }

  /** Ends the channel at once. The peer is told as soon as it is connected. */
  terminate(failure: Failure): void {
    this.#driver.command(this, { type: 'terminate', failure });
  }
}
