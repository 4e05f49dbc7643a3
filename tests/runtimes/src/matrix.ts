// `pnpm test:runtimes [name …]`: the behaviour suite in every runtime, as a table. Runtimes come from npm into `.cache/`.
import process from 'node:process';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import { FIREFOX, hasFirefox, type Place, runInChromium, runInFirefox } from './browsers.js';
import { CONSUMERS, runConsumer } from './consumers.js';
import { type Host, startHost } from './host.js';
import { type Command, fetchRuntime, runInProcess, versionOf } from './process-runtime.js';
import type { CaseResult } from './suite.js';

interface Run {
  readonly version: string;
  readonly results: CaseResult[];
}

/** `null`: not on this machine. */
type Runtime = (host: Host) => Promise<Run | null>;

const inProcess =
  (command: () => Promise<Command>): Runtime =>
  async (host) => {
    const found = await command();
    return { version: await versionOf(found), results: await runInProcess(found, host) };
  };

const node = (major: number): Runtime =>
  inProcess(() => fetchRuntime(`node${major}`, `node@${major}`, 'node/bin/node', []));

const chromium =
  (place: Place): Runtime =>
  async (host) => {
    if (!hasChromium) return null;
    const browser = await launchChromium();
    try {
      return { version: browser.version(), results: await runInChromium(browser, place, host) };
    } finally {
      await browser.close();
    }
  };

const firefox =
  (place: Place): Runtime =>
  async (host) =>
    hasFirefox ? runInFirefox(place, host) : null;

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  node: inProcess(async () => ({ file: process.execPath, args: [] })),
  node22: node(22),
  node24: node(24),
  node26: node(26),
  bun: inProcess(() => fetchRuntime('bun', 'bun', '.bin/bun', [])),
  deno: inProcess(() => fetchRuntime('deno', 'deno', '.bin/deno', ['run', '--allow-all'])),
  chromium: chromium('page'),
  'chromium-worker': chromium('worker'),
  firefox: firefox('page'),
  'firefox-worker': firefox('worker'),
  ...Object.fromEntries(Object.keys(CONSUMERS).map((name) => [name, (host: Host) => runConsumer(name, host)])),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in RUNTIMES));
if (unknown.length > 0) {
  console.error(`no such runtime: ${unknown.join(', ')}. There are: ${Object.keys(RUNTIMES).join(', ')}`);
  process.exit(2);
}

const rows: string[] = [];
const failures: string[] = [];
for (const [name, runtime] of Object.entries(RUNTIMES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const host = await startHost();
  const from = performance.now();
  try {
    const run = await runtime(host);
    if (run === null) {
      rows.push(`| ${name} | not installed here: skipped | | |`);
      continue;
    }
    const passed = run.results.filter(({ error }) => error === null).length;
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    rows.push(`| ${name} | ${run.version} | ${passed} of ${run.results.length} | ${seconds} |`);
    for (const { name: behaviour, error } of run.results)
      if (error !== null) failures.push(`${name}: ${behaviour}: ${error}`);
    if (run.results.length === 0) failures.push(`${name}: nothing ran`);
  } catch (error) {
    rows.push(`| ${name} | | failed | |`);
    failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await host.close();
  }
  console.log(rows.at(-1));
}
console.log(`\n| runtime | version | behaviours | s |\n| --- | --- | --- | --- |\n${rows.join('\n')}`);
if (!hasFirefox) console.log(`skipped: there is no Firefox at ${FIREFOX}`);
for (const failure of failures) console.error(`\n${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
