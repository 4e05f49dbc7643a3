import { equalBytes } from '@sws/crypto';
import type { Channel } from './channel.js';

const NONE: ReadonlySet<Channel> = new Set();

/** All channels, by peer and id together, and by peer. */
export class ChannelIndex {
  readonly #byId = new Map<string, Channel>();
  readonly #byPeer = new Map<string, Set<Channel>>();
  /** The channel found last. The next frame is mostly for it too, and then no map key is needed. */
  #last: Channel | null = null;

  get size(): number {
    return this.#byId.size;
  }
  /** A copy of the list of all channels. */
  all(): readonly Channel[] {
    return [...this.#byId.values()];
  }
  /** The channels of a peer, the oldest first. */
  of(address: string): ReadonlySet<Channel> {
    return this.#byPeer.get(address) ?? NONE;
  }
  has(channel: Channel): boolean {
    return this.of(channel.peerAddress).has(channel);
  }

  find(peer: Uint8Array, channelId: Uint8Array): Channel | undefined {
    const last = this.#last;
    if (last !== null && equalBytes(last.channelId, channelId) && equalBytes(last.peer, peer)) return last;
    const channel = this.#byId.get(nameOfChannel(peer, channelId));
    if (channel !== undefined) this.#last = channel;
    return channel;
  }

  add(channel: Channel): void {
    this.#byId.set(nameOfChannel(channel.peer, channel.channelId), channel);
    const channels = this.#byPeer.get(channel.peerAddress);
    if (channels === undefined) this.#byPeer.set(channel.peerAddress, new Set([channel]));
    else channels.add(channel);
  }

  /** An attempt continues under a new channelId. */
  renamed(channel: Channel, before: Uint8Array): void {
    this.#byId.delete(nameOfChannel(channel.peer, before));
    this.#byId.set(nameOfChannel(channel.peer, channel.channelId), channel);
  }

  delete(channel: Channel): void {
    this.#byId.delete(nameOfChannel(channel.peer, channel.channelId));
    if (this.#last === channel) this.#last = null;
    const channels = this.#byPeer.get(channel.peerAddress);
    channels?.delete(channel);
    if (channels?.size === 0) this.#byPeer.delete(channel.peerAddress);
  }
}

/** The key of a channel: its peer and its id together. */
export function nameOfChannel(peer: Uint8Array, channelId: Uint8Array): string {
  let key = '';
  for (const byte of peer) key += String.fromCharCode(byte);
  for (const byte of channelId) key += String.fromCharCode(byte);
  return key;
}
