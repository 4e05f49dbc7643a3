// Endpoints that register again when their relay is back: `returning-clients.js '{"url":"ws://…","count":1000}'`.
import { Endpoint, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';

const AT_ONCE = 20;

const { url, count } = JSON.parse(process.argv[2] ?? '') as { url: string; count: number };
let registered = 0;
/** How many endpoints have lost the relay and are not yet registered again. */
let away = 0;
let all = false;

function start(): Promise<void> {
  return new Promise((resolve) => {
    const endpoint = new Endpoint(url, { identity: Identity.generate(randomBytes, nodeProvider) });
    let there = false;
    endpoint.addEventListener('state', ({ state }: StateEvent) => {
      if (state === 'registered' && !there) {
        there = true;
        registered++;
        resolve();
        if (all && --away === 0 && registered === count) report('back', { registered });
      } else if (state !== 'registered' && there) {
        there = false;
        registered--;
        if (all) away++;
      }
    });
  });
}
let started = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (started < count) {
      started++;
      await start();
    }
  }),
);
all = true;
report('ready', { registered });
