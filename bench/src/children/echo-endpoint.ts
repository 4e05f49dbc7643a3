// An endpoint that echoes messages. With `throttled`, timers run once a minute, as in a background tab of Chrome.
import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';

const MINUTE_MS = 60_000;
const [relay = '', mode] = process.argv.slice(2);
if (mode === 'throttled') {
  const start = performance.now();
  const plain = globalThis.setTimeout;
  const throttled = (action: () => void, delay = 0): ReturnType<typeof setTimeout> => {
    const due = performance.now() - start + delay;
    return plain(action, Math.ceil(due / MINUTE_MS) * MINUTE_MS - (performance.now() - start));
  };
  globalThis.setTimeout = throttled as typeof setTimeout;
}
const endpoint = new Endpoint(relay, { identity: Identity.generate(randomBytes), resumeTimeoutMs: 900_000 });
endpoint.addEventListener('connection', ({ socket }) => {
  socket.onmessage = ({ data }) => socket.send(data);
});
console.log(JSON.stringify({ event: 'registered', address: await endpoint.registered }));
