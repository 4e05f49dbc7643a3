import { createServer } from 'node:http';
import { serveUpgrades } from '@sws/server';
import { options, ready, state } from './echo.mjs';

const server = createServer((_, response) => response.end(state(attached)));
const attached = serveUpgrades(server, options);
server.listen(0, '127.0.0.1', () => ready(server.address().port));
