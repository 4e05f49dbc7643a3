// `pnpm soak certificate [pairs [swaps]]`: certificates swapped under a relay whose clients never stop sending.
import { swapCertificates } from '../certificate-run.js';

const [pairs = 250, swaps = 10] = process.argv.slice(2).map(Number);
const figures = await swapCertificates({ pairs, swaps, everyMs: 2_000 });
const { connections, dropped, sent, received, seenAfterMs, wentBack } = figures;
const [fastest, slowest] = [Math.min(...seenAfterMs), Math.max(...seenAfterMs)].map((ms) => ms.toFixed(0));
console.log(
  `${connections} connections, ${swaps} swaps: ${dropped} dropped, ${received} of ${sent} messages arrived; ` +
    `a new certificate was seen after ${fastest} to ${slowest} ms, and ${wentBack} handshakes showed an older one after that`,
);
process.exit(dropped === 0 && received === sent && wentBack === 0 ? 0 : 1);
