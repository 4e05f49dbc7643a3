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
  /** The same in a Web Worker of this page. */
  var runInWorker: typeof globalThis.runStatement;
  /** Opens a socket in a frame, and takes the frame away. */
  var leaveFrame: typeof globalThis.leaveOpen;
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

/** In a worker, which this script is too: what it is asked it runs. */
if (typeof document === 'undefined')
  addEventListener('message', async ({ data: [subject, place, index] }) => {
    postMessage([index, await globalThis.runStatement(subject, place, index)]);
  });

let worker: Worker | null = null;

globalThis.runInWorker = (subject, place, index) => {
  worker ??= new Worker(import.meta.url, { type: 'module' });
  const asked = worker;
  return new Promise((resolve, reject) => {
    asked.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    asked.addEventListener('message', function answer({ data: [answered, wrong] }) {
      if (answered !== index) return;
      asked.removeEventListener('message', answer);
      resolve(wrong);
    });
    asked.postMessage([subject, place, index]);
  });
};

globalThis.leaveFrame = async (subject, place, resource) => {
  const frame = document.createElement('iframe');
  frame.src = location.href;
  document.body.append(frame);
  const inside = frame.contentWindow as (Window & typeof globalThis) | null;
  while (typeof inside?.leaveOpen !== 'function') await new Promise((resolve) => setTimeout(resolve, 10));
  await inside.leaveOpen(subject, place, resource);
  frame.remove();
};

globalThis.leaveOpen = async (subject, place, resource) => {
  await open({ ...place, WebSocket: classes[subject] }, resource);
};
