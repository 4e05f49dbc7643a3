import { denoAcceptor } from '@sws/server/deno';
import { options, ready, state } from './echo.mjs';

const sws = denoAcceptor({ ...options, upgradeWebSocket: Deno.upgradeWebSocket });
Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => ready(port) }, (request, info) =>
  request.headers.has('upgrade') ? sws.handler(request, info) : new Response(state(sws)),
);
