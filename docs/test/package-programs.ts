/** A program in TypeScript for each package that needs nothing but it, and what it prints. */
export const PROGRAMS: Readonly<Record<string, { readonly source: string; readonly prints: string }>> = {
  crypto: {
    prints: 'crypto 47 provider-unavailable',
    source: `import { fingerprint, Identity, parseAddress } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { sodiumProvider } from '@sws/crypto/sodium';
const [a, b]: [Identity, Identity] = [Identity.generate(randomBytes), Identity.generate(randomBytes)];
parseAddress(a.publicKey);
// libsodium is not installed with the package.
const code: unknown = await sodiumProvider().catch((error: { code: unknown }) => error.code);
console.log('crypto', fingerprint(a.publicKey, b.publicKey).length, code);
`,
  },
  protocol: {
    prints: 'protocol PING 4409',
    source: `import { decodeRelayFrame, encodeFrame, FAILURES, type RelayFrame } from '@sws/protocol';
const frame: RelayFrame = { type: 'PING', id: 7 };
const decoded = decodeRelayFrame(encodeFrame(frame));
console.log('protocol', decoded.ok && decoded.value.type, FAILURES.replaced.closeCode);
`,
  },
  client: {
    prints: 'client SyntaxError function',
    source: `import { ClientSecureWebSocket, Endpoint, SecureWebSocketStreamError } from '@sws/client';
// @ts-expect-error: codes are typed
void (new SecureWebSocketStreamError().code === 'no-such-code');
let code = '';
try { new ClientSecureWebSocket('wss://relay.example/no-address'); } catch (error) { code = (error as Error).name; }
const socket = new ClientSecureWebSocket('wss://relay.invalid/7e' + '00'.repeat(30) + '07');
socket.addEventListener('close', ({ code, reason }) => {
  // @ts-expect-error: typed, and not any
  const wrong: string = code;
  void [wrong, reason.length];
});
socket.onmessage = ({ data }) => socket.send(String(data));
socket.close();
console.log('client', code, typeof Endpoint);
`,
  },
  server: {
    prints: 'server function function 1',
    source: `import { type RefusalReason, serveUpgrades, type ServeUpgradesOptions, ServerSecureWebSocket, type SwsError } from '@sws/server';
// @ts-expect-error: codes are typed
const wrong: [SwsError['code'], RefusalReason] = ['no-such-code', 'no-such-reason'];
void wrong;
const options: Partial<ServeUpgradesOptions> = { hosts: ['relay.example'] };
console.log('server', typeof serveUpgrades, typeof ServerSecureWebSocket, options.hosts?.length);
`,
  },
  router: {
    prints: 'router true 0',
    source: `import { inProcessBackplane, Router } from '@sws/router';
import { backplaneTests } from '@sws/router/testing';
for (const { run } of backplaneTests) {
  const backplane = inProcessBackplane();
  await run(() => backplane);
}
const router = new Router();
console.log('router', (await router.admit('00'.repeat(32), 4)).ok, router.size);
router.close();
`,
  },
  'router-nats': {
    prints: 'router-nats RangeError 0',
    source: `import { NatsCounters, natsBackplane } from '@sws/router-nats';
let refused = '';
try { await natsBackplane({ prefix: 'a b' }); } catch (error) { refused = (error as Error).name; }
console.log('router-nats', refused, new NatsCounters().published);
`,
  },
};
