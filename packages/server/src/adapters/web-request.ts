import type { Acceptor } from '../acceptor.js';
import { type Slot, STATUS_TEXT } from '../connection-limits.js';

/** Asks for a slot for a request of the Fetch standard from `address`. Returns the slot, or the refusing answer. */
export function enterRequest(
  acceptor: Acceptor<Request>,
  request: Request,
  address: string | undefined,
): Slot | Response {
  const { headers } = request;
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket')
    return new Response('expected a WebSocket upgrade\n', { status: 426, headers: { Upgrade: 'websocket' } });
  const entry = acceptor.enter({
    origin: headers.get('origin') ?? undefined,
    protocols: headers.get('sec-websocket-protocol'),
    forwardedFor: headers.get('x-forwarded-for') ?? undefined,
    address: address ?? '',
  });
  return entry.ok ? entry.slot : new Response(null, { status: entry.status, statusText: STATUS_TEXT[entry.status] });
}
