import { uwsAcceptor } from '@sws/server/uws';
import uws from '@trufflesuite/uws-js-unofficial';
import { options, ready, state } from './echo.mjs';

const sws = uwsAcceptor(options);
uws
  .App()
  .ws('/*', sws.behavior)
  .get('/*', (response) => response.end(state(sws)))
  .listen('127.0.0.1', 0, (socket) => ready(uws.us_socket_local_port(socket)));
