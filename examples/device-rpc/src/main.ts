import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startRelay } from '@sws/relay';
import sirv from 'sirv';
import { startDevice } from './device.js';

const relay = process.env.SWS_RELAY ?? (await startRelay({ chat: false })).url;
const device = await startDevice(relay);

// The page is static files, which any host can serve.
const page = createServer(sirv(fileURLToPath(new URL('page', import.meta.url))));
page.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = page.address() as AddressInfo;
  console.log(`Open http://localhost:${port}/#${device}`);
});
