// What Vite builds for the browsers. The tests call these from outside.
import * as client from '@sws/client';
import * as crypto from '@sws/crypto';
import * as platform from '@sws/crypto/platform';
import type { CaseResult, SuiteConfig } from './suite.js';
import { runInBrowser } from './web.js';

function runInWorker(config: SuiteConfig): Promise<CaseResult[]> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    worker.postMessage(config);
  });
}

/** What the page offers to the tests that drive it. */
export const sws = { client, crypto, platform, runInBrowser, runInWorker };
export type PageApi = typeof sws;

Object.assign(globalThis, { sws });
