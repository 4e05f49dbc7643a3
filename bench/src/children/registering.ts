// Clients that register and leave at once: `registering.js '{"url":"ws://…","register":true}'`. `run N` on stdin
// registers N times.
import { createInterface } from 'node:readline';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';
import { RawClient } from '@sws/testing/raw-client';

const AT_ONCE = 20;
const IDENTITIES = 500;

const { url, register } = JSON.parse(process.argv[2] ?? '') as { url: string; register: boolean };
const identities = Array.from({ length: IDENTITIES }, () => Identity.generate(randomBytes, nodeProvider));

async function run(count: number): Promise<void> {
  let started = 0;
  let registered = 0;
  const next = async (): Promise<void> => {
    while (started < count) {
      const identity = identities[started++ % IDENTITIES] ?? null;
      // Resolves with REGISTER_SUCCESS, whose term and signature the machine has checked.
      const client = await RawClient.connect(url, register ? identity : null);
      registered++;
      const closed = new Promise<void>((resolve) => {
        client.onclose = () => resolve();
      });
      client.close();
      await closed;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  report('done', { registered });
}
report('ready', {});
createInterface({ input: process.stdin }).on('line', (line) => void run(Number(line.slice(4))));
