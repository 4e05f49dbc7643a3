import { bunAcceptor } from '@sws/server/bun';
import { options, ready, state } from './echo.mjs';

const sws = bunAcceptor(options);
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, self) => (request.headers.has('upgrade') ? sws.upgrade(request, self) : new Response(state(sws))),
  websocket: sws.websocket,
});
ready(server.port);
