import { type Signal, signal } from '@preact/signals';
import type { Endpoint, SecureErrorEvent, SecureWebSocket } from '@sws/client';
import { CHAT_PROTOCOL, type ChatMessage, decodeChatMessage, encodeChatMessage } from './chat-protocol.js';

/** Where a peer is, as far as this page knows. */
export type Presence = 'unknown' | 'calling' | 'online' | 'interrupted' | 'offline' | 'refused';

/** How long one call waits for an absent peer; the next one follows. The client asks less and less often, and at once when it hears of the peer. */
const WAIT_MS = 86_400_000;
/** After a call that failed for another reason than absence. */
const RETRY_MS = 15_000;

/** The channels to one peer: both ends may call at once, and each may come again after a break. */
export class PeerLink {
  readonly presence: Signal<Presence> = signal('unknown');
  readonly #endpoint: Endpoint;
  readonly #peer: string;
  /** Open ones, the newest last: it is spoken on; all are listened to. */
  #open: SecureWebSocket[] = [];
  readonly #interrupted = new Set<SecureWebSocket>();
  #dialing: { readonly socket: SecureWebSocket; readonly waits: boolean } | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #kept = false;
  #closed = false;
  /** A channel has opened: what was said on earlier ones may be lost. */
  onOpen: () => void = () => {};
  /** No channel is left. */
  onLost: () => void = () => {};
  onMessage: (message: ChatMessage) => void = () => {};

  constructor(endpoint: Endpoint, peer: string) {
    this.#endpoint = endpoint;
    this.#peer = peer;
  }

  /** Whether the peer is to be waited for where it is absent: somebody looks, or something is to be said. */
  keep(kept: boolean): void {
    this.#kept = kept;
    if (kept) this.call();
    else if (this.#dialing?.waits === true) this.#dialing.socket.close();
  }

  /** Ends the open channels: the peer, or this end, comes again. */
  restart(): void {
    for (const socket of this.#open) socket.close(4_429, 'too fast');
  }

  /** Calls, unless the two are connected or a call is under way. */
  call(): void {
    // When all is told that has just happened: a connection that another device has replaced must not be taken back.
    queueMicrotask(() => this.#callNow());
  }

  #callNow(): void {
    if (this.#closed || this.#open.length > 0 || this.#dialing !== null) return;
    if (this.#endpoint.state !== 'registered') return;
    clearTimeout(this.#retry);
    // The first call fails at once where the peer is absent, which tells; then one waits.
    this.#dial(this.presence.value === 'offline' && this.#kept);
  }

  /** Takes a channel that the peer has opened. */
  adopt(socket: SecureWebSocket): void {
    if (this.#closed) return socket.close(1_000);
    this.#use(socket);
    if (this.#yields) this.#dialing?.socket.close();
  }

  /** Where the two have called each other one channel is enough, and both know whose stays. */
  get #yields(): boolean {
    return this.#endpoint.address !== null && this.#endpoint.address > this.#peer;
  }

  /** Says it on the newest channel; false where there is none. */
  send(message: ChatMessage): boolean {
    const socket = this.#open.findLast(({ readyState }) => readyState === 1);
    socket?.send(encodeChatMessage(message));
    return socket !== undefined;
  }

  /** The relay was lost and is back: what could not be reached may be there now. */
  registered(): void {
    if (this.presence.value === 'offline') this.presence.value = 'unknown';
    this.call();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const socket of this.#open) socket.close(1_000);
    this.#dialing?.socket.close();
  }

  #dial(waits: boolean): void {
    const socket = this.#endpoint.connect(this.#peer, {
      protocols: CHAT_PROTOCOL,
      resource: '/chat',
      waitForPeerMs: waits ? WAIT_MS : 0,
    });
    this.#dialing = { socket, waits };
    if (!waits) this.presence.value = 'calling';
    let failure = '';
    socket.addEventListener('error', (event) => {
      failure = (event as SecureErrorEvent).code;
    });
    socket.addEventListener('open', () => {
      this.#dialing = null;
      this.#use(socket);
      if (this.#open.length > 1 && this.#yields) socket.close(1_000);
    });
    socket.addEventListener('close', () => {
      if (this.#dialing?.socket !== socket) return;
      this.#dialing = null;
      if (this.#open.length === 0) this.#failed(failure);
    });
  }

  #failed(failure: string): void {
    this.presence.value = failure === 'refused' ? 'refused' : 'offline';
    if (!this.#kept || this.#closed) return;
    if (failure === 'offline') this.call();
    else this.#retry = setTimeout(() => this.call(), RETRY_MS * (0.5 + Math.random()));
  }

  #use(socket: SecureWebSocket): void {
    this.#open.push(socket);
    socket.addEventListener('message', (event) => {
      const message = decodeChatMessage((event as MessageEvent).data);
      if (message !== null) this.onMessage(message);
    });
    socket.addEventListener('interrupted', () => {
      this.#interrupted.add(socket);
      this.#show();
    });
    socket.addEventListener('resumed', () => {
      this.#interrupted.delete(socket);
      this.#show();
    });
    socket.addEventListener('close', () => {
      this.#interrupted.delete(socket);
      this.#open = this.#open.filter((one) => one !== socket);
      this.#show();
      // What was said on it may not have been heard: with another left, the two begin anew there.
      if (this.#open.length > 0) return this.onOpen();
      this.onLost();
      if (this.#kept) this.call();
    });
    this.#show();
    this.onOpen();
  }

  #show(): void {
    if (this.#open.length === 0) this.presence.value = 'offline';
    else this.presence.value = this.#interrupted.size === this.#open.length ? 'interrupted' : 'online';
  }
}
