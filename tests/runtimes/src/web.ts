import { browserStore } from '@sws/crypto/platform';
import { sodiumProvider } from '@sws/crypto/sodium';
import { runBehaviour } from './behaviour.js';
import type { CaseResult, SuiteConfig } from './suite.js';

/** The suite in a page or a worker. */
export function runInBrowser(config: SuiteConfig): Promise<CaseResult[]> {
  return runBehaviour(config, { providers: [sodiumProvider], store: browserStore, more: [] });
}
