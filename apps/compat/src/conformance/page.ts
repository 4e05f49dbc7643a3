import { ClientSecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { STATEMENTS } from './index.js';
import { open } from './statement.js';

/** What the test gives a page: the subject but for the class. */
export interface Place {
  readonly prefix: string;
  readonly origin: string;
  readonly nobody: string;
}

declare global {
  /** Runs a statement in this page; `null` if it holds, else what went wrong. */
  var runStatement: (subject: 'browser' | 'ours', place: Place, index: number) => Promise<string | null>;
  /** Opens a socket and leaves it open. */
  var leaveOpen: (subject: 'browser' | 'ours', place: Place, resource: string) => Promise<void>;
}

const classes = {
  browser: globalThis.WebSocket,
  ours: ClientSecureWebSocket.with({ identity: Identity.generate(randomBytes) }),
};

// As a page does that puts the facade in the place of its WebSocket: what the facade dials with is the browser's own.
globalThis.WebSocket = classes.ours;

globalThis.runStatement = async (subject, place, index) => {
  try {
    await STATEMENTS[index]?.run({ ...place, WebSocket: classes[subject] });
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
};

globalThis.leaveOpen = async (subject, place, resource) => {
  await open({ ...place, WebSocket: classes[subject] }, resource);
};
