/** What a statement is run against: the browser's own WebSocket, or ours. */
export interface Subject {
  readonly WebSocket: typeof WebSocket;
  /** What a URL's path has before the resource: empty, or `/<the peer's key>`. */
  readonly prefix: string;
  /** `ws://host:port` of the server with the behaviours (`behaviour.ts`), or of the relay before it. */
  readonly origin: string;
  /** A URL at which nobody answers. */
  readonly nobody: string;
}

/** One normative statement of the standard. Section names are those of websockets.spec.whatwg.org. */
export interface Statement {
  readonly clause: string;
  readonly says: string;
  /** Needs a page: something to be relative to. */
  readonly page?: boolean;
  /** How Chromium itself differs from the standard here. */
  readonly chromiumDiffers?: string;
  readonly run: (subject: Subject) => void | Promise<void>;
}

export function urlOf(subject: Subject, resource = '/echo'): string {
  return `${subject.origin}${subject.prefix}${resource}`;
}

export function dial(subject: Subject, resource?: string, protocols?: string | string[]): WebSocket {
  return new subject.WebSocket(urlOf(subject, resource), protocols);
}

/** The next event of this type; fails if the socket closes before. */
export function next<K extends keyof WebSocketEventMap>(socket: WebSocket, type: K): Promise<WebSocketEventMap[K]> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(type, (event) => resolve(event), { once: true });
    if (type === 'close') return;
    let why = '';
    socket.addEventListener('error', (event) => {
      why = String(Reflect.get(event, 'message') ?? '');
    });
    socket.addEventListener('close', ({ code }) => reject(new Error(`closed with ${code} before ${type} ${why}`)));
  });
}

export async function open(subject: Subject, resource?: string, protocols?: string | string[]): Promise<WebSocket> {
  const socket = dial(subject, resource, protocols);
  await next(socket, 'open');
  return socket;
}

/** Sends a text to `/echo`, and waits until one comes back. */
export function echo(socket: WebSocket, text: string): Promise<MessageEvent> {
  socket.send(text);
  return next(socket, 'message');
}

/** Closes an open socket, which is CLOSED then. */
export async function closeFully(socket: WebSocket): Promise<void> {
  const closed = next(socket, 'close');
  socket.close();
  await closed;
}

/** After every microtask that is queued now, and those that they queue. */
export async function microtasks(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** In a later task. */
export function task(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Polls until `holds`; the runner's own timeout ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await task();
}
