import { ClientSecureWebSocket, type SecureErrorEvent } from '@sws/client';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, loadIdentity } from './identity.js';
import { pipe } from './pipe.js';

/** How long the last acknowledgements get to leave before the process ends. */
const LAST_FRAMES_MS = 300;

export interface ConnectFlags extends IdentityFlags {
  /** Seconds to wait for an absent peer. */
  readonly wait: number;
}

/** Connects to a URL that holds an address; resolves with the exit code. @throws DOMException SyntaxError for a URL without one */
export async function connect(url: string, flags: ConnectFlags): Promise<number> {
  const identity = await loadIdentity(flags);
  const socket = new ClientSecureWebSocket(url, [], { identity, waitForPeerMs: flags.wait * 1000 });
  let opened = false;
  const code = await new Promise<number>((resolve) => {
    socket.addEventListener(
      'open',
      () => {
        opened = true;
        resolve(pipe(socket, process.stdin));
      },
      { once: true },
    );
    socket.addEventListener(
      'error',
      (event) => {
        if (opened) return; // `pipe` tells of it
        const failure = event as SecureErrorEvent;
        console.error(`sws: could not connect (${failure.code}: ${failure.message})`);
        resolve(EXIT.failed);
      },
      { once: true },
    );
  });
  await new Promise((resolve) => setTimeout(resolve, LAST_FRAMES_MS));
  return code;
}
