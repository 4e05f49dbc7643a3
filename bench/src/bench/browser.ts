// Measures the time that a page in Chromium spends on crypto: `pnpm bench browser [--quick]`.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startRelay } from '@sws/relay';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import { build } from 'vite';
import type { PageBench } from '../children/browser-page.js';
import { Comparison, figure, spreadOf } from '../comparison.js';

declare const bench: PageBench;

const quick = process.argv.includes('--quick');
const TURNS = quick ? 2 : 9;
const SIZES = [
  ['64 B', 64, 4_000],
  ['1 KiB', 1_024, 2_000],
  ['16 KiB', 16_384, 200],
  ['60 KiB', 61_440, 60],
] as const;
const SIGNATURES = 20;
const REGISTRATION = 'a registration';
const MAX_BLOCKED_US = 3_000;

if (!hasChromium) {
  console.log('skipped: there is no Chromium at SWS_CHROMIUM or /usr/bin/chromium');
  process.exit(0);
}
const bundled = await build({
  configFile: false,
  logLevel: 'error',
  build: {
    write: false,
    target: 'es2023',
    lib: {
      entry: fileURLToPath(new URL('../children/browser-page.js', import.meta.url)),
      formats: ['es'],
      fileName: 'page',
    },
  },
});
const script = (Array.isArray(bundled) ? bundled : [bundled])
  .flatMap((one) => ('output' in one ? one.output : []))
  .map((output) => (output.type === 'chunk' ? output.code : ''))
  .join('');
// Web Crypto needs a secure context, such as a page served from localhost.
const server = createServer((request, response) => {
  const isScript = request.url === '/page.js';
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
  response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const relay = await startRelay({ port: 0, chat: false });
const browser = await launchChromium();
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => 'bench' in globalThis);
  const name = await page.evaluate(() => bench.wasmName);
  if (name !== 'wasm') throw new Error(`Chromium refused the WebAssembly: its provider is ${name}`);

  const comparison = new Comparison({
    name: 'browser',
    title: 'Crypto in Chromium',
    unit: 'µs of main thread per frame or signature',
  });
  const seals = SIZES.map(([row, bytes, frames]) => ({ row, bytes, frames: Math.ceil(frames / (quick ? 10 : 1)) }));
  for (let turn = -1; turn < TURNS; turn++) {
    const keep = (row: string, contestant: string, sample: number): void => {
      if (turn >= 0) comparison.add(row, contestant, sample); // the first turn warms up
    };
    for (const { row, bytes, frames } of seals)
      for (const which of ['tweetnacl', 'wasm'] as const)
        keep(row, which, await page.evaluate(([w, b, f]) => bench.seal(w, b, f), [which, bytes, frames] as const));
    for (const what of ['sign', 'verify'] as const) {
      keep(what, 'tweetnacl', await page.evaluate(([w, n]) => bench.sync(w, n), [what, SIGNATURES] as const));
      const { elapsed, blocked } = await page.evaluate(([w, n]) => bench.async(w, n), [what, SIGNATURES] as const);
      keep(what, 'Web Crypto', elapsed);
      keep(what, 'Web Crypto, blocking', blocked);
    }
    keep(REGISTRATION, 'Web Crypto, blocking', await page.evaluate((url) => bench.register(url), relay.url));
  }
  for (const { row } of seals) comparison.ratio([row, 'wasm'], [row, 'tweetnacl'], ...(row === '16 KiB' ? [0.27] : []));
  for (const row of ['sign', 'verify'])
    for (const name of ['Web Crypto', 'Web Crypto, blocking']) comparison.ratio([row, name], [row, 'tweetnacl']);
  const { median } = spreadOf(comparison.samples(REGISTRATION, 'Web Crypto, blocking'));
  const verdict = median <= MAX_BLOCKED_US ? 'met' : 'not met';
  comparison.note(
    `${REGISTRATION}: ${figure(median)} of at most ${MAX_BLOCKED_US}: ${verdict}. It is the longest time for which the page could do nothing else while an endpoint dialled and registered.`,
  );
  comparison.note(
    'A sample seals one frame and opens it, or makes or verifies one signature. `Web Crypto` is the time until the answer; `blocking` is the time that the call itself takes. Both include the checks of PROTOCOL §1.',
  );
  comparison.finish(!quick);
} finally {
  await browser.close();
  await relay.close();
  server.close();
}
