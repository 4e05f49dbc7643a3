// Our own names for the standard's types. Programs compile without the DOM library, and use its types if it is there.

interface OwnMessageEvent extends Event {
  // biome-ignore lint/suspicious/noExplicitAny: as the standard's type
  readonly data: any;
  readonly origin: string;
}
interface OwnCloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

type PlatformEvent<Name extends string, Own> =
  typeof globalThis extends Record<Name, { prototype: infer E extends Event }> ? E : Own;

/** The platform's MessageEvent, if it has one. */
export type SocketMessageEvent = PlatformEvent<'MessageEvent', OwnMessageEvent>;
/** The platform's CloseEvent, if it has one. */
export type SocketCloseEvent = PlatformEvent<'CloseEvent', OwnCloseEvent>;

/** The types of received binary messages. */
export type SocketBinaryType = 'arraybuffer' | 'blob';
/** The listeners that `addEventListener` accepts for any event. */
export type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };
/** Options of `removeEventListener`, as the DOM has them. */
export interface RemoveOptions {
  /** Whether the listener was added for the capture phase. @defaultValue false */
  capture?: boolean;
}
/** Options of `addEventListener`, as the DOM has them. */
export interface ListenOptions extends RemoveOptions {
  /** Removes the listener after its first call. @defaultValue false */
  once?: boolean;
  /** Declares that the listener does not call `preventDefault`. No event here can be prevented. @defaultValue false */
  passive?: boolean;
  /** Removes the listener when it aborts. */
  signal?: AbortSignal;
}
