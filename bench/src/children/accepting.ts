// An endpoint that accepts every peer and reads every message: `accepting.js <relay URL>`.
import { type ConnectionEvent, Endpoint, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { report } from '@sws/testing/children/report';

const identity = Identity.generate(randomBytes);
const endpoint = new Endpoint(process.argv[2] ?? '', { identity });
endpoint.addEventListener('state', ({ state }: StateEvent) => {
  if (state === 'registered') report('ready', { publicKey: identity.publicKey });
});
endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
  socket.onmessage = () => {};
});
