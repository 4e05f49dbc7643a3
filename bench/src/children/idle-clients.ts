// Clients that connect and then only answer PING: `idle-clients.js '{"url":"ws://…","count":1000,"register":true}'`.
import { createInterface } from 'node:readline';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { sodiumProvider } from '@sws/crypto/sodium';
import { report } from '@sws/testing/children/report';
import { RawClient } from '@sws/testing/raw-client';

/** Fewer than a relay allows one address to have unregistered. */
const AT_ONCE = 50;

const { url, count, register } = JSON.parse(process.argv[2] ?? '') as { url: string; count: number; register: boolean };
// Thousands of identities: with OpenSSL making one takes longer than connecting it.
const provider = await sodiumProvider();
let open = 0;
let opened = 0;
let started = 0;
let lost = 0;
async function next(): Promise<void> {
  while (started < count) {
    started++;
    const identity = register ? Identity.generate(randomBytes, provider) : null;
    const client = await RawClient.connect(url, identity);
    opened++;
    open++;
    client.onclose = () => {
      open--;
      lost++;
    };
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, next));
report('open', { open, opened, lost });
createInterface({ input: process.stdin }).on('line', () => report('state', { open, opened, lost }));
